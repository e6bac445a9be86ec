"""Hooks of mkdocs: README as a page, and links to files that the site does not have as their text alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

OVERVIEW = "overview.md"
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<to>[^)#]+)(?P<anchor>#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """README.md of the repository is overview.md of the site."""
    from mkdocs.structure.files import File

    readme = (Path(config.config_file_path).parent / "README.md").read_text(encoding="utf-8")
    page = re.sub(r"\]\(docs/", "](", readme)
    files.append(File.generated(config, OVERVIEW, content=page))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links lead to pages of the site, or are text."""
    folder = Path(page.file.src_uri).parent

    def linked(found: re.Match[str]) -> str:
        to, anchor = found["to"], found["anchor"] or ""
        if "://" in to:
            return found[0]
        target = _normal(folder / to)
        if target == "../README.md":
            up = "../" * len(folder.parts)
            return f"[{found['text']}]({up}{OVERVIEW}{anchor})"
        return found[0] if files.get_file_from_path(target) is not None else found["text"]

    return _LINK.sub(linked, markdown)


def _normal(path: Path) -> str:
    """The path without the "…/.." in it."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)

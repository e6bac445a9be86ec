"""Artifacts that somebody made to do harm, with digests that agree: refused with 74, in bounded memory.

A file of an artifact is replaced, and its manifest, the names and the artifacts made from it are forged to match.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.workspace import KINDS, Workspace
from awe_cli.workspace.artifact import digest_of
from awe_cli.workspace.fs import file_digest
from awe_cli.workspace.store import Pointer, write_pointer
from benchmarks.torture.flips import names_of
from benchmarks.torture.world import Outcome, World, forked, in_parallel, run

MEMORY = 700 << 20  # bytes that a command may hold beyond what this process has loaded
# Codes that a command may end with: done where the change means nothing, or a reason that a person can act on.
TELLING = {0, 65, 66, 74, 78}

# Forging.


def forge(world: World, kind: str, name: str | None, change: Callable[[dict[str, Any], Path], None]) -> None:
    """Let `change` alter the manifest (JSON) and the folder of an artifact, and make all digests agree."""
    ws = Workspace(world.workspace)
    pointer = ws.pointer(kind, name)
    assert pointer is not None
    folder = ws.store / pointer.digest
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest, folder)
    _put(ws, folder, manifest)


def _put(ws: Workspace, folder: Path, manifest: dict[str, Any]) -> None:
    """Write a changed manifest, rename its folder, and change whoever names it."""
    content = json.dumps(manifest, sort_keys=True, indent=2, ensure_ascii=False).encode() + b"\n"
    before, after = folder.name, digest_of(content)
    (folder / "manifest.json").write_bytes(content)
    folder.rename(ws.store / after)
    for kind, name in list(_pointed(ws, before)):
        path = KINDS[kind].pointer(ws.root, name)
        path.unlink()
        source = "m" if name == "champion" else None
        write_pointer(path, Pointer.now(after, "0" * 64, source))
    while (child := next(_made_from(ws, before), None)) is not None:
        own = json.loads((child / "manifest.json").read_bytes())
        own["parents"] = {
            role: after if digest == before else digest for role, digest in own["parents"].items()
        }
        _put(ws, child, own)


def _made_from(ws: Workspace, digest: str) -> Iterator[Path]:
    for folder in ws.store.iterdir():
        parents = json.loads((folder / "manifest.json").read_bytes()).get("parents")
        if isinstance(parents, dict) and digest in parents.values():
            yield folder


def _pointed(ws: Workspace, digest: str) -> Iterator[tuple[str, str | None]]:
    for kind, name in names_of(ws):
        pointer = ws.pointer(kind, name)
        if pointer is not None and pointer.digest == digest:
            yield kind, name


def with_file(file: str, content: bytes | Path) -> Callable[[dict[str, Any], Path], None]:
    """A change: other bytes of one file, or those of a file."""

    def change(manifest: dict[str, Any], folder: Path) -> None:
        path = folder / file
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_bytes(content)
        manifest["files"][file] = {"size": path.stat().st_size, "sha256": file_digest(path)}

    return change


# Arrays: archives and headers.


def npz(entries: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    """An array as NumPy writes it, pickled where it holds objects."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array, **options), allow_pickle=True)
    return out.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    """An array whose header says `text`."""
    line = text.encode() + b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + data


class _Touch:
    """What, when it is unpickled, makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.makedirs, (str(self.path),)


def overlapping(name: str, array: bytes, times: int) -> bytes:
    """An archive whose many entries are the same bytes."""
    content = npz({f"{name}.npy": array})
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[start:end]
    entries = b"".join(
        entry[:46] + f"{name[:-5]}{number:05d}.npy".encode()[: len(name) + 4] + entry[46 + len(name) + 4 :]
        for number in range(times)
    )
    ending = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, times, times, len(entries), start, 0)
    return content[:start] + entries + ending


def arrays(good: Path, mark: Path) -> Iterator[tuple[str, bytes]]:
    """Hostile files in the place of the arrays of a model, by what is hostile; `mark` must not come to be."""
    with zipfile.ZipFile(good) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    U = np.load(io.BytesIO(entries["U.npy"]))
    objects = np.empty(1, object)
    objects[0] = _Touch(mark)
    changed: dict[str, Any] = {
        "objects": npy(objects),
        "an object in a structure": npy(np.zeros(3, [("a", "O")])),
        "a shape beyond memory": header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 64), }"
        ),
        "a shape that overflows": header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), }"
        ),
        "a negative shape": header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-5, -4), }", bytes(80)
        ),
        "a shape of no numbers": header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': ('x', 4), }", bytes(80)
        ),
        "items of no size": header("{'descr': '|V0', 'fortran_order': False, 'shape': (1099511627776,), }"),
        "a type that is code": header(
            "{'descr': __import__('os'), 'fortran_order': False, 'shape': (5, 4), }"
        ),
        "brackets without end": header("(" * 9000),
        "no header": b"\x93NUMPY",
        "version 9": b"\x93NUMPY\x09\x00" + bytes(100),
        "numbers that are not finite": npy(np.full_like(U, np.nan)),
        "infinite numbers": npy(np.full_like(U, np.inf)),
        "another shape": npy(U[:-1]),
        "one dimension": npy(U[0]),
        "three dimensions": npy(U[None]),
        "no rows": npy(U[:0]),
        "no columns": npy(U[:, :0]),
        "doubles": npy(U.astype(np.float64)),
        "the other byte order": npy(U.astype(">f4")),
        "half precision": npy(U.astype(np.float16)),
        "complex numbers": npy(U.astype(np.complex64)),
        "whole numbers": npy(U.astype(np.int32)),
        "text": npy(np.full(U.shape, "x")),
        "times": npy(np.zeros(U.shape, "M8[s]")),
        "columns first": npy(np.asfortranarray(U)),
        "a structure": npy(np.zeros(U.shape, [("a", "f4")])),
    }
    yield from ((f"U: {what}", npz({**entries, "U.npy": content})) for what, content in changed.items())
    for name in entries:
        yield f"without {name}", npz({other: content for other, content in entries.items() if other != name})
        yield f"{name}: one huge number", npz({**entries, name: npy(np.full(3, 1 << 40))})
        yield f"{name}: negative numbers", npz({**entries, name: npy(np.full(3, -7, np.int32))})
    yield "compressed", npz(entries, zipfile.ZIP_DEFLATED)
    yield "entries that overlap", overlapping("U00000", npy(np.zeros(1 << 20, np.uint8)), 4000)
    yield "a path that leads up", npz({**entries, "../../escaped.npy": entries["U.npy"]})
    yield "an absolute path", npz({**entries, f"{mark}.npy": entries["U.npy"]})
    yield "no archive", b"PK\x05\x06" + bytes(18)
    yield "nothing", b""
    yield "an archive in itself", npz({"U.npy": npz(entries)})


# Tables.


def tables(good: Path) -> Iterator[tuple[str, bytes]]:
    """Hostile files in the place of a Parquet table: each column missing or of another type, bombs."""
    table = pq.read_table(good)
    rows = table.num_rows
    others = {
        "text": pa.array(["x"] * rows),
        "nulls": pa.nulls(rows),
        "whole numbers": pa.array([1 << 62] * rows),
        "numbers that are not finite": pa.array([float("nan")] * rows),
        "lists of lists": pa.array([[[1]]] * rows),
        "lists of huge numbers": pa.array([[1 << 31]] * rows, pa.list_(pa.int64())),
        "lists of negative numbers": pa.array([[-1]] * rows, pa.list_(pa.int32())),
        "lists of nulls": pa.array([[None, 0]] * rows, pa.list_(pa.int32())),
        "null lists": pa.array([None] * rows, pa.list_(pa.int32())),
        "bytes that are no text": pa.array([b"\xff\xfe"] * rows),
        "a structure": pa.array([{"a": 1}] * rows),
        "times": pa.array([0] * rows, pa.timestamp("ns")),
    }
    for number, name in enumerate(table.column_names):
        yield f"without {name}", parquet(table.drop_columns([name]))
        for what, column in others.items():
            yield f"{name}: {what}", parquet(table.set_column(number, name, column))
    yield "no rows", parquet(table.slice(0, 0))
    yield "fewer rows", parquet(table.slice(1))
    yield "all rows twice", parquet(pa.concat_tables([table, table]))
    yield "no table", b"PAR1"
    yield "another file", b"PAR1" + bytes(1000) + b"PAR1"


def parquet(table: pa.Table) -> bytes:
    """A table as Parquet."""
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


# Bombs: small files that would be gigabytes in memory. They are made in processes of their own.

_TIMES = 120_000_000  # rows of one value


def bomb(folder: Path, good: Path) -> Path:
    """A bomb in the place of a file: Parquet, arrays or JSON."""
    path = folder / f"bomb-{good.name if good.suffix == '.parquet' else good.suffix}"
    if not path.exists():
        make = {".parquet": _repeat, ".npz": _deflate, ".json": _brackets}[good.suffix]
        forked(lambda: make(good, path))
    return path


def _repeat(good: Path, path: Path) -> int:
    """A few kilobytes that are one row very many times."""
    step = _TIMES // 12
    names = pq.read_schema(good).names
    schema = pa.schema([(name, pa.int8()) for name in names])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for _ in range(0, _TIMES, step):
            zeros = pa.array(np.zeros(step, np.int8))
            writer.write_table(pa.table([zeros] * len(names), schema=schema), row_group_size=step)
    return 0


def _deflate(good: Path, path: Path) -> int:
    zeros = header("{'descr': '<f4', 'fortran_order': False, 'shape': (67108864,), }", bytes(1 << 28))
    path.write_bytes(npz({"U.npy": zeros}, zipfile.ZIP_DEFLATED))
    return 0


def _brackets(good: Path, path: Path) -> int:
    path.write_bytes(b"[" + b"[]," * ((1 << 25) // 3) + b"[]]")
    return 0


# JSON documents: every value replaced with every absurd one.

ABSURD: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, "", "../../x", "/etc/passwd", [[]], {"a": []},
)  # fmt: skip
_RAW = {
    "nested": "[" * 100_000,
    "no end": '{"a": ',
    "1e999": "1e999",
    "NaN": "NaN",
    "10^5000": "1" * 5000,
    "null": "null",
    "a list": "[]",
    "a number": "7",
    "nothing": "",
    "not UTF-8": "\udcff",
    "doubled": '{"a": 1, "a": 2}',
}


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in a JSON document, containers included."""
    if path:
        yield path
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from leaves(value, (*path, key))


def replaced(document: Any, path: Sequence[Any], value: Any) -> Any:
    """The document with another value at a place."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def documents(good: Any) -> Iterator[tuple[str, bytes]]:
    """Absurd documents in the place of a JSON file."""
    for path in leaves(good):
        for value in ABSURD:
            yield f"{path} = {value!r}", json.dumps(replaced(good, path, value)).encode()
    for what, text in _RAW.items():
        yield what, text.encode(errors="surrogateescape")


# Cases, and how a command takes them.

Case = tuple[str, str, str | None, str, bytes | Path, str]  # part, kind, name, file, its bytes, model to ask


def cases(world: World, mark: Path, bombs: bool = True) -> Iterator[Case]:
    """Everything hostile, each with the model whose predictions need the artifact; `bombs` take a while to make."""
    ws = Workspace(world.workspace)
    for kind, name, asked in (
        ("dataset", None, "m"), ("model", "m", "m"), ("neighbors", "m", "awe"), ("model", "awe", "awe"),
        ("model", "popularity", "popularity"), ("model", "ensemble", "ensemble"), ("metrics", "scores", "m"),
    ):  # fmt: skip
        artifact = ws.find(kind, name)
        for file in artifact.manifest.files:
            path = artifact.path / file
            if bombs:
                yield "bombs", kind, name, f"{file}: a bomb", bomb(mark.parent, path), asked
            if file.endswith(".npz") and "train-valid" in file and name == "m":
                yield from (("arrays", kind, name, f"{file}: {w}", c, asked) for w, c in arrays(path, mark))
            elif file.endswith(".parquet") and file != "history.parquet":
                yield from (("tables", kind, name, f"{file}: {w}", c, asked) for w, c in tables(path))
            elif file.endswith(".json"):
                found = documents(json.loads(path.read_bytes()))
                yield from (("documents", kind, name, f"{file}: {w}", c, asked) for w, c in found)
        manifest = json.loads((artifact.path / "manifest.json").read_bytes())
        for what, content in documents({key: manifest[key] for key in manifest if key != "files"}):
            yield "manifests", kind, name, f"manifest.json: {what}", content, asked


def refuse(world: World, folder: Path, case: Case, number: int, limit: int) -> tuple[int, list[str]]:
    """The exit code of the commands that read a hostile file, and what is wrong with how it was treated."""
    part, kind, name, what, content, asked = case
    here = world.copy(folder / f"hostile-{number}")
    file = what.partition(":")[0]
    try:
        # What is no JSON leaves a manifest that cannot be read.
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            forge(here, kind, name, _manifest(content) if part == "manifests" else with_file(file, content))
        w = ["-w", str(here.workspace)]
        commands = [["predict", *w, "--model", asked, "--output", "-"]]
        commands += [["models", *w]] if kind == "model" else []
        commands += [["status", *w]] if part == "manifests" else []
        if kind == "dataset" and part != "manifests":
            commands += [
                ["evaluate", *w, "--model", "m"],
                ["train", *w, "--name", "new", "--dim", "2", "--epochs", "1"],
            ]
        elif kind == "neighbors":
            commands.append(
                ["retrain", *w, "--model", "m", "--affinity", "knn", "--name", "n", "--epochs", "1"]
            )
        outcomes = [(command[0], run(command)) for command in commands]
        wrong = [problem for command, outcome in outcomes for problem in _wrong(command, outcome, limit)]
        return outcomes[0][1].code, [f"{kind} {name}, {what}: {problem}" for problem in wrong]
    finally:
        shutil.rmtree(here.root)


def _manifest(content: bytes | Path) -> Callable[[dict[str, Any], Path], None]:
    def change(manifest: dict[str, Any], folder: Path) -> None:
        files = manifest["files"]
        manifest.clear()
        manifest.update(json.loads(content) if isinstance(content, bytes) else {}, files=files)

    return change


def _wrong(command: str, outcome: Outcome, limit: int) -> Iterator[str]:
    if outcome.code < 0:
        yield f"{command} was killed by signal {-outcome.code}: {outcome.err[-300:]}"
    elif outcome.has_traceback or outcome.code not in TELLING:
        yield f"{command} ended with {outcome.code}: {outcome.err[-300:]}"
    if outcome.memory > limit:
        yield f"{command} took {outcome.memory >> 20} MiB, more than {limit >> 20}"


def hostile(
    world: World, folder: Path, *, sample: int | None = None, bombs: bool = True, jobs: int = 1, seed: int = 0
) -> dict[str, Any]:
    """Counts by part and exit code, and problems, of all cases or `sample` of them."""
    mark = folder / "code-was-run"
    chosen = list(cases(world, mark, bombs))
    if sample is not None:
        always = [case for case in chosen if case[0] == "bombs"]
        chosen = always + random.Random(seed).sample(chosen, min(sample, len(chosen)))
    plain = run(["predict", "-w", str(world.workspace), "--model", "m", "--output", "-"])
    limit = plain.memory + MEMORY

    def one(number: int) -> list[Any]:
        code, wrong = refuse(world, folder, chosen[number], number, limit)
        return [chosen[number][0], code, wrong]

    counts: dict[str, Counter[str]] = {}
    problems: list[str] = []
    for part, code, wrong in in_parallel(one, range(len(chosen)), jobs):
        counts.setdefault(part, Counter())[f"exit {code}"] += 1
        problems += wrong
    if mark.exists():
        problems.append("code in a pickled object was run")
    return {"counts": {part: dict(count) for part, count in counts.items()}, "problems": problems}

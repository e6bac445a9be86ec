"""The rules of this repository, checked over the syntax tree."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "awe_cli"
FILES = sorted(PACKAGE.rglob("*.py"))

# Which parts of the house a part may import, besides itself and errors. Arrows point one way.
LEARNING = {"affinities", "losses", "core", "dataset", "matrices"}
BELOW_STEPS = {
    "training",
    "builders",
    "neighbors",
    "baselines",
    "ranking",
    "metrics",
    "engine",
    "report",
    "workspace",
    "config",
    "io",
    *LEARNING,
}
ARROWS: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"app"},
    "errors": set(),
    "app": {"cli"},
    "cli": {"steps", "models", "evaluation", "prediction", *BELOW_STEPS},
    "steps": {"models", "plugins", "evaluation", "prediction", *BELOW_STEPS},
    "prediction": {"evaluation", "models", "plugins", *BELOW_STEPS},
    "evaluation": {"models", *BELOW_STEPS},
    "models": {"plugins", *BELOW_STEPS},
    "plugins": BELOW_STEPS,
    "training": {"engine", "ranking", "metrics", *LEARNING},
    "builders": {"neighbors", "engine", "ranking", *LEARNING},
    "neighbors": {"engine", "ranking", *LEARNING},
    "baselines": {"neighbors", "engine", "ranking", *LEARNING},
    "ranking": {"engine", "metrics", *LEARNING},
    "affinities": {"core", "dataset", "matrices"},
    "losses": {"core", "matrices"},
    "core": {"matrices"},
    "metrics": {"dataset", "matrices"},
    "dataset": {"config", "io", "matrices"},
    "workspace": {"matrices"},
    "config": set(),
    "engine": {"matrices"},
    "report": {"dataset"},
    "io": {"matrices"},
    "matrices": set(),
}
# A whole library may be imported only below these folders and files.
RESERVED = {
    "typer": {"cli", "app"},
    "rich": {"cli", "app"},
    "dask": {"engine/dask.py"},
    "distributed": {"engine/dask.py"},
}
NO_PATHS = {"core", "affinities"}
LIGHT = {"app", "cli", "__main__"}
HEAVY = {
    "numpy",
    "scipy",
    "numba",
    "pyarrow",
    "faiss",
    "rich",
    "sklearn",
    "implicit",
    "dask",
    "distributed",
    "threadpoolctl",
}
OPTIONAL = {"sklearn", "implicit", "dask", "distributed"}
PICKLES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}


def part(path: Path) -> str:
    """The folder of the house that a file lies in, or its own name at the top."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(node: ast.AST) -> list[str]:
    """The modules that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        if node.module == "awe_cli":
            return [f"awe_cli.{alias.name}" for alias in node.names if alias.name != "__version__"]
        return [node.module]
    return []


def imports(path: Path, *, on_loading: bool = False) -> Iterator[str]:
    """The modules that a file imports; with `on_loading`, only those it imports when it is imported."""
    pending: list[ast.AST] = [tree(path)]
    while pending:
        node = pending.pop()
        yield from imported(node)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not (on_loading and (is_function or is_for_types)):
            pending.extend(ast.iter_child_nodes(node))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a file, inner ones and methods too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def in_package(path: Path) -> str:
    """How a file is called in the list of tests."""
    return path.relative_to(PACKAGE).as_posix()


each_file = pytest.mark.parametrize("path", FILES, ids=in_package)


@each_file
def test_arrows_point_one_way(path: Path) -> None:
    here = part(path)
    for module in imports(path):
        if module.startswith("awe_cli."):
            there = module.split(".")[1]
            assert there in {here, "errors", *ARROWS[here]}, f"{here} may not import {there}"


def test_no_files_import_each_other_in_a_circle() -> None:
    names = {
        "awe_cli." + in_package(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for path in FILES
    }
    graph = {name: {m for m in imports(path) if m in names and m != name} for name, path in names.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the files


@each_file
def test_relative_imports_are_not_used(path: Path) -> None:
    assert not [n for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and n.level]


@each_file
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    for module in imports(path):
        library = module.split(".")[0]
        allowed = RESERVED.get(library, {part(path)})
        assert allowed & {part(path), in_package(path)}, f"{library} may not be imported here"
        assert library not in PICKLES, "no pickle: an artifact must not be able to run code"
        is_package = path.name == "__init__.py"  # where the folder of compiled code is chosen
        assert library != "pathlib" or is_package or part(path) not in NO_PATHS, (
            f"{part(path)} never sees a path"
        )


@each_file
def test_what_need_not_be_installed_is_imported_when_it_is_used(path: Path) -> None:
    assert not {module.split(".")[0] for module in imports(path, on_loading=True)} & OPTIONAL


@pytest.mark.parametrize("path", [p for p in FILES if part(p) in LIGHT], ids=in_package)
def test_nothing_heavy_is_imported_before_it_is_needed(path: Path) -> None:
    found = {module.split(".")[0] for module in imports(path, on_loading=True)}
    assert not found & HEAVY
    inner = {
        module.split(".")[1] for module in imports(path, on_loading=True) if module.startswith("awe_cli.")
    }
    assert inner <= {"app", "cli", "config", "errors"}


@each_file
def test_what_is_public_is_documented(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module) or path.name == "__init__.py", "the file says what it is for"
    owners = [module, *(n for n in module.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))]
    for owner in owners:
        for node in owner.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{node.name} has no docstring"


@each_file
def test_every_kernel_is_cached(path: Path) -> None:
    for function in functions(path):
        for decorator in function.decorator_list:
            text = ast.unparse(decorator)
            if text.split("(")[0].split(".")[-1] in ("njit", "jit", "vectorize", "guvectorize"):
                assert "cache=True" in text or "**" in text, f"{function.name} is compiled in every process"


@each_file
def test_no_error_is_swallowed_unnamed(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: `except:` also catches an interruption"


@each_file
def test_arrays_are_read_without_running_code(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant), f"line {node.value.lineno}"
            assert node.value.value is False, f"line {node.value.lineno}"


@each_file
def test_only_the_application_ends_the_process(path: Path) -> None:
    allowed = {"app", "__main__"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "exit", "quit", "os._exit"):
            assert part(path) in allowed, f"line {node.lineno}"

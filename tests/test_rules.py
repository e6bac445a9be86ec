"""The rules of this repository, checked over the syntax tree: one test a rule, which names all that break it.

Style that ruff knows is in pyproject.toml: no relative imports (TID252), no bare `except:` (E722).
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests import planted_faults

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "awe_cli"
FILES = sorted(PACKAGE.rglob("*.py"))

# Which parts of the house a part may import, besides itself, errors and cleanup. Arrows point one way.
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
    "__init__": {"api"},
    "__main__": {"app", "cli"},
    "errors": set(),
    "cleanup": set(),
    "app": {"cli"},
    "api": {"steps", "models", "plugins", "evaluation", "prediction", *BELOW_STEPS},
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
    "dataset": {"config", "engine", "io", "matrices", "workspace"},
    "workspace": set(),
    "config": {"workspace"},
    "engine": {"config", "matrices", "workspace"},
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
    "matplotlib": {"report/figures.py"},
    "fsspec": {"io/remote.py"},
}
NO_PATHS = {"core", "affinities"}
LIGHT = {"app", "cli", "__main__"}
LIGHT_TO_IMPORT = {"app", "cleanup", "cli", "config", "errors"}
HEAVY = {
    "numpy",
    "scipy",
    "numba",
    "pyarrow",
    "faiss",
    "snowballstemmer",
    "rich",
    "sklearn",
    "implicit",
    "dask",
    "distributed",
    "threadpoolctl",
    "matplotlib",
}
OPTIONAL = {"sklearn", "implicit", "dask", "distributed", "matplotlib", "fsspec"}
LOADED_WHEN_USED = {"api/estimator.py"}  # by `awe_cli.__getattr__`, when its name is asked for
PICKLES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
MOST_PARAMETERS = 8
MAY_END_THE_PROCESS = {"app", "__main__", "cli/process.py"}  # the last where a signal comes at its start


def part(path: Path) -> str:
    """The folder of the package that a file lies in, or its own name at the top."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def in_package(path: Path) -> str:
    """The name of a file in messages."""
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every file."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            yield path, node


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


def libraries(path: Path, *, on_loading: bool = False) -> set[str]:
    """The top-level packages that a file imports."""
    return {module.split(".")[0] for module in imports(path, on_loading=on_loading)}


def parts_imported(path: Path, *, on_loading: bool = False) -> set[str]:
    """The parts of this package that a file imports."""
    modules = imports(path, on_loading=on_loading)
    return {module.split(".")[1] for module in modules if module.startswith("awe_cli.")}


def test_the_table_of_arrows_names_every_part_and_no_other() -> None:
    assert {part(path) for path in FILES} == set(ARROWS)


def test_arrows_point_one_way() -> None:
    offenders = [
        f"{in_package(path)}: {part(path)} may not import {other}"
        for path in FILES
        for other in sorted(parts_imported(path) - {part(path), "errors", "cleanup", *ARROWS[part(path)]})
    ]
    assert not offenders


def test_no_files_import_each_other_in_a_circle() -> None:
    names = {
        "awe_cli." + in_package(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for path in FILES
    }
    graph = {name: {m for m in imports(path) if m in names and m != name} for name, path in names.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the files


def test_a_library_is_imported_only_where_it_belongs() -> None:
    offenders = [
        f"{in_package(path)}: {library} may not be imported here"
        for path in FILES
        for library in libraries(path) & set(RESERVED)
        if not RESERVED[library] & {part(path), in_package(path)}
    ]
    assert not offenders


def test_no_artifact_can_run_code() -> None:
    """No pickle, and no array that numpy would unpickle."""
    offenders = [f"{in_package(path)}: {library}" for path in FILES for library in libraries(path) & PICKLES]
    for path, node in nodes():
        if (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and ast.unparse(node.value) != "False"
        ):
            offenders.append(f"{in_package(path)}:{node.value.lineno}: allow_pickle")
    assert not offenders


def test_mathematics_never_sees_a_path() -> None:
    """But for `__init__.py`, where the folder of compiled code is chosen."""
    offenders = [
        in_package(path)
        for path in FILES
        if part(path) in NO_PATHS and path.name != "__init__.py" and "pathlib" in libraries(path)
    ]
    assert not offenders


def test_what_need_not_be_installed_is_imported_when_it_is_used() -> None:
    offenders = [
        in_package(path)
        for path in FILES
        if libraries(path, on_loading=True) & OPTIONAL and in_package(path) not in LOADED_WHEN_USED
    ]
    assert not offenders


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    offenders = []
    for path in FILES:
        if part(path) in LIGHT:
            heavy = libraries(path, on_loading=True) & HEAVY
            heavy |= parts_imported(path, on_loading=True) - LIGHT_TO_IMPORT
            offenders += [f"{in_package(path)}: {name}" for name in sorted(heavy)]
    assert not offenders


def test_what_is_public_is_documented() -> None:
    """Methods, too; ruff's D1 would also ask for those of private classes and of functions within functions."""
    offenders = []
    for path in FILES:
        module = tree(path)
        if not (ast.get_docstring(module) or path.name == "__init__.py"):
            offenders.append(f"{in_package(path)}: the file does not say what it is for")
        classes = [n for n in module.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
        offenders += [
            f"{in_package(path)}:{node.lineno}: {node.name} has no docstring"
            for owner in (module, *classes)
            for node in owner.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert not offenders


def test_no_function_has_more_than_eight_positional_parameters() -> None:
    """Others are keyword-only, or fields of a NamedTuple where numba compiles the function."""
    offenders = [
        f"{in_package(path)}:{node.lineno}: {getattr(node, 'name', 'lambda')} has {n}"
        for path, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        and (n := len(node.args.posonlyargs) + len(node.args.args)) > MOST_PARAMETERS
    ]
    assert not offenders


def test_every_fault_can_be_planted() -> None:
    """Its line stands once in the package, and the tests that ought to notice are there (tests/planted_faults.py)."""
    offenders = []
    for fault in planted_faults.FAULTS:
        try:
            planted_faults.holder(fault, PACKAGE)
            planted_faults.files_of(fault, ROOT / "tests")
        except planted_faults.PlantingError as error:
            offenders.append(f"{fault.name}: {error}")
    assert not offenders


def test_every_kernel_is_cached() -> None:
    offenders = []
    for path, node in nodes():
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            text = ast.unparse(decorator)
            compiles = text.split("(")[0].split(".")[-1] in ("njit", "jit", "vectorize", "guvectorize")
            if compiles and not ("cache=True" in text or "**" in text):
                offenders.append(
                    f"{in_package(path)}:{node.lineno}: {node.name} is compiled in every process"
                )
    assert not offenders


def test_only_the_application_ends_the_process() -> None:
    offenders = [
        f"{in_package(path)}:{node.lineno}"
        for path, node in nodes()
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("sys.exit", "exit", "quit", "os._exit")
        and not {part(path), in_package(path)} & MAY_END_THE_PROCESS
    ]
    assert not offenders

"""Where a setting comes from, and what is said of one that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from awe_cli.config import Resolved, resolve, setting, settings_of
from awe_cli.errors import MissingInputError, SettingsError, UsageError


@dataclass(frozen=True)
class ExampleSettings:
    """Settings as a command would declare them."""

    k: int = setting(help="Neighbours.", min=1, max=1000)
    dim: int | None = setting(None, help="Columns of U and V.", min=1)
    learning_rate: float = setting(0.05, help="The first step.", above=0)
    decay: float = setting(0.5, help="What is left at the end.", min=0, below=1)
    affinity: str = setting("constant", help="Which G.", choices=("constant", "sigmoid", "max"))
    exact: bool = setting(True, help="Search them all.", flag="--exact/--approximate")
    fit_on: tuple[str, ...] = setting(("train", "valid"), help="Splits to learn from.")
    at: tuple[int, ...] = setting((1, 10), help="Cut-offs.", min=1)
    require: tuple[str, ...] = setting((), help="Conditions.")
    lambda_: float | None = setting(None, help="λ.", flag="--lambda")


def read(
    tmp_path: Path, *, toml: str = "", env: dict[str, str] | None = None, **flags: object
) -> Resolved[ExampleSettings]:
    """Resolve with the given sources; k is given where the test does not speak of it."""
    file = tmp_path / "awe.toml"
    file.write_text(toml)
    return resolve(ExampleSettings, "build-knn", {"k": 20, **flags}, env or {}, file)


def test_defaults(tmp_path: Path) -> None:
    found = resolve(ExampleSettings, "build-knn", {"k": 20, "dim": None}, {}, tmp_path / "missing.toml")
    assert found.settings == ExampleSettings(k=20)
    assert found.sources["k"] == "flag"
    assert found.sources["dim"] == "default"
    assert found.given("k")
    assert not found.given("dim")


def test_the_first_source_wins(tmp_path: Path) -> None:
    toml = "[build-knn]\ndim = 1\nlearning-rate = 1\ndecay = 0.1\n[train]\ndim = 7\n"
    env = {"AWE_BUILD_KNN_DIM": "2", "AWE_BUILD_KNN_LEARNING_RATE": "2", "AWE_BUILD_KNN_AT": ""}
    found = read(tmp_path, toml=toml, env=env, dim=3)
    assert (found.settings.dim, found.settings.learning_rate, found.settings.decay) == (3, 2.0, 0.1)
    assert isinstance(found.settings.learning_rate, float)
    assert found.sources["dim"] == "flag"
    assert found.sources["learning_rate"] == "environment AWE_BUILD_KNN_LEARNING_RATE"
    assert found.sources["decay"] == "awe.toml"
    assert found.sources["at"] == "default"
    assert read(tmp_path, env={"AWE_BUILD_KNN_LAMBDA": "3"}).settings.lambda_ == 3


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("dim", " 64 ", 64),
        ("dim", "auto", None),
        ("learning_rate", "1e-3", 1e-3),
        ("exact", "no", False),
        ("exact", "True", True),
        ("fit_on", "train", ("train",)),
        ("fit_on", "train, valid", ("train", "valid")),
        ("at", "1,5,10", (1, 5, 10)),
        ("affinity", "max", "max"),
    ],
)
def test_text_becomes_the_type_of_the_field(tmp_path: Path, field: str, text: str, value: object) -> None:
    found = read(tmp_path, env={f"AWE_BUILD_KNN_{field.upper()}": text})
    assert getattr(found.settings, field) == value
    assert getattr(read(tmp_path, **{field: text}).settings, field) == value


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("dim = 64", "dim", 64),
        ('dim = "auto"', "dim", None),
        ("exact = false", "exact", False),
        ('fit_on = ["train"]', "fit_on", ("train",)),
        ("lambda = 2", "lambda_", 2.0),
        ("at = 5", "at", (5,)),
    ],
)
def test_a_file_holds_typed_values(tmp_path: Path, line: str, field: str, value: object) -> None:
    assert getattr(read(tmp_path, toml=f"[build-knn]\n{line}\n").settings, field) == value


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("k", "0", "a whole number of at least 1 and at most 1000, found '0'"),
        ("k", "1001", "at most 1000"),
        ("k", "2.5", "a whole number"),
        ("k", "auto", "a whole number"),
        ("learning_rate", "0", "a number of more than 0, found '0'"),
        ("learning_rate", "nan", "a number"),
        ("learning_rate", "inf", "a number"),
        ("decay", "1", "less than 1"),
        ("affinity", "sigmod", "one of constant, sigmoid, max, found 'sigmod'"),
        ("exact", "perhaps", "true or false"),
        ("at", "1,0", "separated by commas, found '0'"),
    ],
)
def test_a_wrong_value_names_its_source(tmp_path: Path, field: str, text: str, expected: str) -> None:
    variable = f"AWE_BUILD_KNN_{field.upper()}"
    with pytest.raises(SettingsError) as caught:
        resolve(ExampleSettings, "build-knn", {}, {"AWE_BUILD_KNN_K": "3", variable: text}, tmp_path / "none")
    assert caught.value.message.startswith(f"{variable}: expected ")
    assert expected in caught.value.message


def test_the_nearest_choice_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, affinity="sigmod")
    assert caught.value.message.startswith("--affinity: ")
    assert caught.value.hint == "did you mean 'sigmoid'?"


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ("[build-knn]\ndimm = 1", "[build-knn]: unknown setting 'dimm'", "'dim'"),
        ("[build_knn]\ndim = 1", "unknown table 'build_knn'", "'build-knn'"),
        ("[build-knn]\nzzz = 1", "unknown setting 'zzz'", "known: k, dim"),
        ('[build-knn]\ndim = "x"', "[build-knn] dim: expected a whole number", ""),
        ("[build-knn]\ndim = 2.0", "found 2.0", ""),
        ("[build-knn]\ndim = true", "found True", ""),
        ("[build-knn]\nexact = 1", "true or false", ""),
        ("[build-knn]\nfit-on = []\nfit_on = []", "twice", ""),
        ("[build-knn]\nfit-on = []", "found []", ""),
        ('[build-knn]\nfit-on = ""', "found ''", ""),
        ("build-knn = 3", "expected a table", ""),
        ("[build-knn", "expected TOML", "tables like [train]"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, toml: str, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, toml=toml)
    assert str(tmp_path / "awe.toml") in caught.value.message
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_what_has_no_default_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--k is needed: a whole number"):
        resolve(ExampleSettings, "build-knn", {}, {}, tmp_path / "none")


def test_declarations_are_read_back() -> None:
    found = {setting.name: setting for setting in settings_of(ExampleSettings)}
    assert (found["dim"].type, found["dim"].optional, found["dim"].many) == (int, True, False)
    assert (found["at"].type, found["at"].optional, found["at"].many) == (int, False, True)
    assert found["learning_rate"].flag == "--learning-rate"
    assert found["exact"].flag == "--exact/--approximate"
    assert found["dim"].default_words == "chosen from the data"
    assert found["fit_on"].default_words == "train,valid"
    assert found["k"].default_words is None


def test_a_list_that_may_be_empty_is_no_list_that_must_be_given() -> None:
    @dataclass(frozen=True)
    class Gate:
        require: tuple[str, ...] = setting((), help="What must hold.")

    (found,) = settings_of(Gate)
    assert found.default_words == "none"


def test_a_type_that_cannot_be_read_is_a_mistake_of_ours() -> None:
    @dataclass(frozen=True)
    class Strange:
        path: Path = setting(Path(), help="A path.")

    with pytest.raises(TypeError):
        settings_of(Strange)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, toml="\ufeff[build-knn]\ndim = 3").settings.dim == 3


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "awe.toml"

    def found() -> object:
        return resolve(ExampleSettings, "build-knn", {"k": 20}, {}, file)

    file.write_bytes(b"\xef\xbb\xbf[build-knn]\n# caf\xe9\n")
    with pytest.raises(SettingsError, match="line 2: expected text in UTF-8, found the byte 0xe9"):
        found()
    file.unlink()
    file.symlink_to(tmp_path / "gone")
    with pytest.raises(MissingInputError, match="gone, which is not there"):
        found()
    file.unlink()
    file.mkdir()
    with pytest.raises(MissingInputError, match="it is a folder"):
        found()


def test_a_list_that_is_empty_by_default_may_be_empty(tmp_path: Path) -> None:
    assert read(tmp_path, toml="[build-knn]\nrequire = []").settings.require == ()

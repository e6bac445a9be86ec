"""Arrays survive the disk; what is not what it claims is refused before memory is taken."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awe_cli.errors import CorruptArtifactError, WriteError
from awe_cli.workspace.arrays import load_arrays, save_arrays

DTYPES = st.sampled_from([np.dtype(t) for t in ("f4", "f8", "i4", "i8", "u1", "?", "U3", "S2")])


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("UVG"), hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0))))
def test_arrays_come_back(tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path_factory.mktemp("arrays") / "a.npz"
    save_arrays(path, arrays)
    loaded = load_arrays(path)
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_equal_arrays_make_equal_bytes(tmp_path: Path) -> None:
    V = np.arange(6.0).reshape(2, 3)
    save_arrays(tmp_path / "a.npz", {"V": V, "U": V[0]})
    save_arrays(tmp_path / "b.npz", {"U": V[0].copy(), "V": np.asfortranarray(V)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_large_arrays_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They begin at a cache line, cannot be written to, and have the values that are read otherwise."""
    monkeypatch.setattr("awe_cli.workspace.arrays._MAPPED", 1000)
    path = tmp_path / "a.npz"
    arrays = {
        "U": np.arange(1200, dtype=np.float32).reshape(-1, 3),
        "V": np.arange(999.0).reshape(3, -1),
        "longer name": np.arange(700),
        "small": np.arange(9),
    }
    save_arrays(path, arrays)
    found, read = load_arrays(path, mapped=True), load_arrays(path)
    for name, array in arrays.items():
        assert type(found[name]) is np.ndarray
        assert read[name].flags.writeable
        np.testing.assert_array_equal(found[name], array)
        np.testing.assert_array_equal(read[name], array)
        np.testing.assert_array_equal(np.load(path)[name], array)
        if name != "small":
            assert found[name].ctypes.data % 64 == 0
            assert not found[name].flags.writeable
    assert found["small"].flags.writeable
    content = bytearray(path.read_bytes())
    content[1000] ^= 1  # of U
    path.write_bytes(content)
    assert not np.array_equal(load_arrays(path, mapped=True)["U"], arrays["U"]), "it is looked up in the file"


def test_arrays_of_an_older_archive_are_read_where_they_cannot_be_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_arrays(tmp_path / "a.npz", {"U": np.arange(1000.0)})
    monkeypatch.setattr("awe_cli.workspace.arrays._MAPPED", 1000)
    found = load_arrays(tmp_path / "a.npz", mapped=True)["U"]
    np.testing.assert_array_equal(found, np.arange(1000.0))
    assert found.flags.writeable


def test_numpy_reads_them_too(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", {"U": np.ones(3)})
    assert np.load(tmp_path / "a.npz", allow_pickle=False)["U"].sum() == 3


@pytest.mark.parametrize("keep", [0, 10, 100, 1000, -1])
def test_a_truncated_file(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.npz"
    save_arrays(path, {"U": np.arange(1000)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorruptArtifactError, match=r"a\.npz"):
        load_arrays(path)


def test_a_changed_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_arrays(path, {"U": np.arange(1000)})
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArtifactError, match="CRC"):
        load_arrays(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifactError):
        load_arrays(tmp_path / "a.npz")


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object"):
        save_arrays(tmp_path / "a.npz", {"U": np.array([object()])})
    np.savez(tmp_path / "b.npz", U=np.array([{}], dtype=object))
    with pytest.raises(CorruptArtifactError, match="objects"):
        load_arrays(tmp_path / "b.npz")


def test_a_header_that_claims_more_than_is_there(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("U.npy", buffer.getvalue() + b"12345678")
    with pytest.raises(CorruptArtifactError, match="8 are there"):
        load_arrays(tmp_path / "a.npz")


def test_a_disk_without_room(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow, in a process of its own."""
    script = (
        "import resource, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from awe_cli.errors import WriteError\n"
        "from awe_cli.workspace.arrays import save_arrays\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: save_arrays(Path(sys.argv[1]), {'U': np.zeros(1_000_000)})\n"
        "except WriteError as error: print(error.message)\n"
    )
    target = str(tmp_path / "a.npz")
    done = subprocess.run([sys.executable, "-c", script, target], capture_output=True, text=True, check=True)
    assert target in done.stdout
    assert "File too large" in done.stdout
    assert WriteError.exit_code == 73


def test_the_bytes_are_the_same_on_every_release_of_python(tmp_path: Path) -> None:
    """Digests of models are compared between machines."""
    save_arrays(tmp_path / "a.npz", {"a": np.arange(10), "b": np.ones((3, 4), np.float32)})
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "d4822c7c560fe4e27bd8796de7724784ade17084f628700ac9e31a856b92f5b5"

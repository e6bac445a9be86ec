"""Files in a store that speaks S3, over HTTP: the same as files on the disk, written whole, and what is refused."""

from __future__ import annotations

import gzip
import http.server
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from awe_cli.app import main
from awe_cli.errors import WriteError
from awe_cli.io import remote
from awe_cli.models.store import open_dataset
from awe_cli.workspace import Workspace
from tests.test_chain import PEOPLE, digests, plays

AS_PEOPLE = ("--user", "person", "--item", "item")
PREDICT = ("predict", "--model", "popularity", "--top-k", "3")


class Store:
    """A store, and how it is asked behind awe's back."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.s3 = boto3.client("s3", endpoint_url=address)
        self.s3.create_bucket(Bucket="data")

    def put(self, key: str, content: bytes) -> str:
        """Its address."""
        self.s3.put_object(Bucket="data", Key=key, Body=content)
        return f"s3://data/{key}"

    def get(self, key: str) -> bytes:
        """What is there."""
        content: bytes = self.s3.get_object(Bucket="data", Key=key)["Body"].read()
        return content

    def keys(self) -> list[str]:
        """All keys, and uploads that were begun and are not over."""
        there = self.s3.list_objects_v2(Bucket="data").get("Contents", ())
        begun = self.s3.list_multipart_uploads(Bucket="data").get("Uploads", ())
        return [one["Key"] for one in (*there, *begun)]

    def asks_who_it_is(self, asks: bool) -> None:
        """From now on nobody has rights, or everybody."""
        s3fs.S3FileSystem.clear_instance_cache()
        body = b"0" if asks else b"inf"
        headers = {"Content-Type": "text/plain"}
        urllib.request.urlopen(
            urllib.request.Request(f"{self.address}/moto-api/reset-auth", body, headers)
        ).close()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    """An empty bucket, data."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    s3fs.S3FileSystem.clear_instance_cache()
    found = Store(address)
    try:
        yield found
    finally:
        found.asks_who_it_is(False)
        urllib.request.urlopen(f"{address}/moto-api/reset", b"").close()
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command, expect an exit code, and return what was said to people."""

    def awe(*command: str, code: int = 0, workspace: str = "workspace") -> str:
        capsys.readouterr()
        assert main(["--workspace", str(tmp_path / workspace), *command]) == code
        err = capsys.readouterr().err
        assert "Traceback" not in err
        return err

    return awe


def test_a_file_of_a_bucket_is_the_file(store: Store, tmp_path: Path, run: Callable[..., str]) -> None:
    content = plays().encode()
    (tmp_path / "plays.csv").write_bytes(content)
    (tmp_path / "plays.csv.gz").write_bytes(gzip.compress(content, mtime=0))
    for name in ("plays.csv", "plays.csv.gz"):
        address = store.put(name, (tmp_path / name).read_bytes())
        run("prepare", str(tmp_path / name), *AS_PEOPLE, workspace="here")
        run("prepare", address, *AS_PEOPLE, workspace="there")
        assert digests(tmp_path / "there") == digests(tmp_path / "here")


def test_a_folder_is_read_without_what_is_hidden(
    store: Store, tmp_path: Path, run: Callable[..., str]
) -> None:
    lines = plays().splitlines(keepends=True)
    for number in range(3):
        store.put(f"plays/day={number}/part.csv", "".join([lines[0], *lines[1 + number :: 3]]).encode())
    store.put("plays/_SUCCESS", b"")
    store.put("plays/.hidden.csv", b"not,a,table\n1")
    run("prepare", "s3://data/plays", *AS_PEOPLE)
    assert open_dataset(Workspace(tmp_path / "workspace").find("dataset")).n_stored == PEOPLE
    store.put("plays/day=3/part.csv", b"person,item\n,x\n")
    assert "s3://data/plays/day=3/part.csv" in run("prepare", "s3://data/plays", *AS_PEOPLE, code=65)


def test_outputs_are_written_whole(store: Store, tmp_path: Path, run: Callable[..., str]) -> None:
    source = store.put("plays.csv", plays().encode())
    chosen = store.put("chosen.txt", b"p3\np77\n")
    run("prepare", source, *AS_PEOPLE)
    run("train-baseline", "popularity")
    for name, options in {
        "rows.parquet": (),
        "chosen.csv": ("--ids", chosen),
        "new.jsonl": (source,),
    }.items():
        run(*PREDICT, *options, "--output", str(tmp_path / name))
        run(*PREDICT, *options, "--output", f"s3://data/out/{name}")
        assert store.get(f"out/{name}") == (tmp_path / name).read_bytes()
    run("train", "--name", "linear", "--dim", "4", "--epochs", "1", "--margin", "0.3")
    run("export", "--model", "linear", "--output", "s3://data/out/vectors.parquet")
    assert store.get("out/vectors.parquet")[:4] == b"PAR1"
    said = run("export", "--model", "linear", "--output", "s3://data/out", code=2)
    assert "expected a folder of this machine" in said
    run("evaluate", "--model", "popularity", "--metrics-file", "s3://data/out/metrics.json")
    assert b'"popularity.' in store.get("out/metrics.json")
    assert sorted(store.keys()) == [
        "chosen.txt", "out/chosen.csv", "out/metrics.json", "out/new.jsonl", "out/rows.parquet",
        "out/vectors.parquet", "plays.csv",
    ]  # fmt: skip


def test_what_fails_leaves_what_was_there(store: Store) -> None:
    target = remote.RemoteFile(store.put("old.csv", b"old"))

    def write(then: Callable[[], Any]) -> None:
        with target.whole("--output") as stream:
            stream.write(b"new")
            then()

    with pytest.raises(ZeroDivisionError):
        write(lambda: 1 / 0)
    with pytest.raises(WriteError, match="the store refuses"):
        write(lambda: store.asks_who_it_is(True))
    store.asks_who_it_is(False)
    assert store.get("old.csv") == b"old"
    assert store.keys() == ["old.csv"]


def test_a_file_that_changed_is_read_again(store: Store) -> None:
    address = store.put("x.txt", b"one")
    first = remote.path_of(address)
    assert first.read_bytes() == b"one"
    assert remote.path_of(address) == first
    store.put("x.txt", b"another")
    assert remote.path_of(address).read_bytes() == b"another"


def test_what_is_not_there_or_not_allowed(
    store: Store, tmp_path: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = store.put("plays.csv", plays().encode())
    run("prepare", source, *AS_PEOPLE)
    run("train-baseline", "popularity")
    before = digests(tmp_path / "workspace")
    for address in ("s3://data/none.csv", "s3://nobody/plays.csv"):
        said = run("prepare", address, *AS_PEOPLE, code=66)
        assert said.startswith(f"error: cannot read {address}: there is no such")
    said = run(*PREDICT, "--output", "s3://nobody/rows.csv", code=73)
    assert said.startswith("error: cannot write s3://nobody/rows.csv: there is no such bucket")
    assert "expected a place to write to" in run(*PREDICT, "--output", f"{store.address}/x.csv", code=2)
    assert "an address that fsspec knows" in run("prepare", "sss://data/x.csv", *AS_PEOPLE, code=2)
    store.asks_who_it_is(True)
    assert "the store refuses" in run("prepare", source, *AS_PEOPLE, code=66)
    assert "the store refuses" in run(*PREDICT, "--output", "s3://data/rows.csv", code=73)
    store.asks_who_it_is(False)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    said = run("prepare", source, *AS_PEOPLE, code=66)
    assert "needs the package fsspec" in said
    assert "pip install 'awe-cli[remote]'" in said
    assert digests(tmp_path / "workspace") == before
    assert store.keys() == ["plays.csv"]


def test_a_store_that_does_not_answer(
    store: Store, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_READ", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in ("http://127.0.0.1:9", f"http://127.0.0.1:{silent.getsockname()[1]}"):
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            s3fs.S3FileSystem.clear_instance_cache()
            said = run("prepare", "s3://data/plays.csv", *AS_PEOPLE, code=75)
            assert said.startswith("error: cannot read s3://data/plays.csv: the store does not answer")
    assert "does not answer" in run("prepare", "http://127.0.0.1:9/plays.csv", *AS_PEOPLE, code=75)


def test_a_file_of_a_web_server(tmp_path: Path, run: Callable[..., str]) -> None:
    (tmp_path / "plays.csv").write_text(plays())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *told: Any) -> None:
            super().__init__(*told, directory=str(tmp_path))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        run("prepare", f"{address}/plays.csv", *AS_PEOPLE)
        assert "there is no such file" in run("prepare", f"{address}/none.csv", *AS_PEOPLE, code=66)
        server.shutdown()

"""Input files: where they are, how they are packed, and which format their first bytes show."""

from __future__ import annotations

import bz2
import codecs
import errno
import hashlib
import lzma
import os
import re
import select
import shutil
import stat
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import unquote

import pyarrow as pa

from awe_cli.cleanup import half_made
from awe_cli.errors import (
    AweError,
    DataError,
    MissingInputError,
    UsageError,
    WriteError,
    nearest,
    refused_reading,
)
from awe_cli.io.cells import detect_separator
from awe_cli.io.log import ReadingLog
from awe_cli.io.options import ReadOptions
from awe_cli.io.remote import is_remote, path_of

# What a file holds, recognised by its first bytes, then by its name; what cannot be read is refused by name.

FORMATS = ("parquet", "csv", "tsv", "jsonl", "libsvm", "trec", "fasttext", "annif")
DELIMITED = ("csv", "tsv", "trec")  # text in rows of cells
TAGGED = ("fasttext", "annif")  # text with its labels on the same line
_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".libsvm": "libsvm",
    ".svm": "libsvm",
    ".svmlight": "libsvm",
    ".xmc": "libsvm",
    ".letor": "libsvm",
    ".qrels": "trec",
    ".qrel": "trec",
    ".trec": "trec",
    ".run": "trec",
    ".inter": "tsv",
    ".user": "tsv",
    ".item": "tsv",
    ".net": "tsv",
    ".link": "tsv",
}
_PACKED = (".gz", ".zst", ".zstd", ".bz2", ".xz", ".zip")
TABLE_SUFFIXES = (*_SUFFIXES, ".dat", ".data", ".txt", ".base", ".test", ".train")

_PANDAS = "write it as Parquet, for example with pandas: "
# Name → (what its first bytes are, what to do instead).
_REFUSED: tuple[tuple[str, tuple[bytes, ...], str], ...] = (
    ("an Excel workbook (.xls)", (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",), "save the sheet as CSV UTF-8"),
    ("a NumPy array (.npy)", (b"\x93NUMPY",), _PANDAS + "DataFrame(numpy.load(file)).to_parquet(…)"),
    ("an SQLite database", (b"SQLite format 3\0",), "write the table as CSV: sqlite3 -header -csv FILE 'select …'"),
    ("HDF5 (.h5)", (b"\x89HDF\r\n\x1a\n",), _PANDAS + "read_hdf(file).to_parquet(…)"),
    ("an Arrow or Feather file", (b"ARROW1", b"FEA1"), _PANDAS + "read_feather(file).to_parquet(…)"),
    ("an ORC file", (b"ORC",), _PANDAS + "read_orc(file).to_parquet(…)"),
    ("an Avro file", (b"Obj\x01",), "convert it to Parquet or JSON lines"),
    ("a MATLAB file (.mat)", (b"MATLAB 5.0", b"MATLAB 7.3"), "convert it with scipy.io.loadmat"),
    ("an R data file", (b"RDX2", b"RDX3", b"RDA2", b"RDA3"), "write it in R with write.csv"),
    ("a PDF document", (b"%PDF-",), "extract its text, and write it as CSV or JSON lines"),
    ("a PNG picture", (b"\x89PNG\r\n",), "describe pictures by numbers, in columns of a table"),
    ("a JPEG picture", (b"\xff\xd8\xff",), "describe pictures by numbers, in columns of a table"),
    ("a GIF picture", (b"GIF87a", b"GIF89a"), "describe pictures by numbers, in columns of a table"),
    ("a 7z archive", (b"7z\xbc\xaf\x27\x1c",), "unpack it"),
    ("a RAR archive", (b"Rar!\x1a\x07",), "unpack it"),
    ("an LZ4 archive", (b"\x04\x22\x4d\x18",), "unpack it with lz4 -d"),
    ("a program", (b"\x7fELF", b"MZ\x90"), "name a file of data"),
)  # fmt: skip
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_REFUSED_SUFFIXES = {
    ".xlsx": ("an Excel workbook (.xlsx)", "save the sheet as CSV UTF-8"),
    ".xlsm": ("an Excel workbook (.xlsm)", "save the sheet as CSV UTF-8"),
    ".xlsb": ("an Excel workbook (.xlsb)", "save the sheet as CSV UTF-8"),
    ".xls": ("an Excel workbook (.xls)", "save the sheet as CSV UTF-8"),
    ".ods": ("an OpenDocument spreadsheet (.ods)", "save the sheet as CSV"),
    ".npz": ("a NumPy archive (.npz)", "write it as Parquet with list columns, or as libsvm text"),
    ".npy": ("a NumPy array (.npy)", _PANDAS + "DataFrame(numpy.load(file)).to_parquet(…)"),
    ".pkl": (
        "a pickle",
        "unpickle it where you trust it, and write it as Parquet; awe runs no code of a file",
    ),
    ".pickle": (
        "a pickle",
        "unpickle it where you trust it, and write it as Parquet; awe runs no code of a file",
    ),
    ".pt": ("a PyTorch file (.pt)", "load it with torch, and write it as Parquet"),
    ".pth": ("a PyTorch file (.pth)", "load it with torch, and write it as Parquet"),
    ".sqlite": ("an SQLite database", "write the table as CSV: sqlite3 -header -csv FILE 'select …'"),
    ".db": ("a database", "write the table as CSV"),
    ".h5": ("HDF5 (.h5)", _PANDAS + "read_hdf(file).to_parquet(…)"),
    ".hdf5": ("HDF5 (.hdf5)", _PANDAS + "read_hdf(file).to_parquet(…)"),
    ".feather": ("an Arrow or Feather file", _PANDAS + "read_feather(file).to_parquet(…)"),
    ".arrow": ("an Arrow or Feather file", _PANDAS + "read_feather(file).to_parquet(…)"),
    ".mat": ("a MATLAB file (.mat)", "convert it with scipy.io.loadmat"),
    ".rds": ("an R data file", "write it in R with write.csv"),
    ".rdata": ("an R data file", "write it in R with write.csv"),
    ".tar": ("a tar archive", "unpack it, and name the files"),
    ".tgz": ("a tar archive", "unpack it, and name the files"),
    ".rda": ("an R data file", "write it in R with write.csv"),
    ".docx": ("a Word document", "write its text as CSV or JSON lines"),
    ".doc": ("a Word document", "write its text as CSV or JSON lines"),
    ".arff": ("ARFF, as Weka writes it", "write it as CSV, for example with scipy.io.arff and pandas"),
    ".mtx": (
        "a Matrix Market file",
        "read it with scipy.io.mmread, and write libsvm text or rows of user,item,weight",
    ),
    ".sav": ("an SPSS file (.sav)", _PANDAS + "read_spss(file).to_parquet(…)"),
    ".dta": ("a Stata file (.dta)", _PANDAS + "read_stata(file).to_parquet(…)"),
    ".sas7bdat": ("a SAS file (.sas7bdat)", _PANDAS + "read_sas(file).to_parquet(…)"),
    ".safetensors": ("tensors (.safetensors)", "write them as Parquet with list columns"),
    ".tfrecord": ("TensorFlow records", "read them with tf.data, and write Parquet or JSON lines"),
    ".joblib": (
        "a pickle",
        "unpickle it where you trust it, and write it as Parquet; awe runs no code of a file",
    ),
    ".msgpack": ("MessagePack", "convert it to Parquet or JSON lines"),
}


def packing_of(head: bytes) -> str | None:
    """How the file that starts with `head` is compressed: "gzip", "zstd", "bz2", "xz", "zip" or None."""
    signs = {
        b"\x1f\x8b": "gzip",
        b"\x28\xb5\x2f\xfd": "zstd",
        b"BZh": "bz2",
        b"\xfd7zXZ\x00": "xz",
        b"PK\x03\x04": "zip",
        b"PK\x05\x06": "zip",
    }
    found = next((packing for sign, packing in signs.items() if head.startswith(sign)), None)
    return None if found == "bz2" and not head[3:4].isdigit() else found


def refuse_by_name(name: str, plain: bytes) -> None:
    """Raise DataError where the (unpacked) first bytes are those of a format that is no table of text or Parquet."""
    for what, signs, instead in _REFUSED:
        if plain.startswith(signs):
            raise _refused(name, what, instead)
    suffix = last_suffix(name)
    is_binary = b"\0" in plain[:4096]
    if plain[257:262] == b"ustar":
        raise _refused(name, *_REFUSED_SUFFIXES[".tar"])
    if _PICKLE.match(plain) and (is_binary or suffix in (".pkl", ".pickle") or plain.rstrip().endswith(b".")):
        raise _refused(name, *_REFUSED_SUFFIXES[".pkl"])
    if suffix in _REFUSED_SUFFIXES and not plain.startswith(b"PAR1"):
        raise _refused(name, *_REFUSED_SUFFIXES[suffix])
    begins = plain[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begins.startswith((b"<!doctype html", b"<html")):
        raise _refused(
            name, "a page of HTML", "download the file itself: this is often a page that asks to log in"
        )
    if begins.startswith(b"@relation"):
        raise _refused(name, *_REFUSED_SUFFIXES[".arff"])
    if begins.startswith(b"%%matrixmarket"):
        raise _refused(name, *_REFUSED_SUFFIXES[".mtx"])
    if begins.startswith(b"<?xml"):
        raise _refused(name, "XML", "convert it to CSV or JSON lines")
    if begins.startswith(b"version https://git-lfs"):
        raise _refused(name, "a pointer of Git LFS in place of the file", "fetch the file with git lfs pull")


def refuse_zip_by_name(name: str, members: list[str]) -> None:
    """Raise DataError where a zip archive is a file of another kind inside."""
    first = {member.split("/")[0] for member in members}
    if "xl" in first or last_suffix(name) in (".xlsx", ".xlsm", ".xlsb"):
        raise _refused(name, *_REFUSED_SUFFIXES[".xlsx"])
    if "word" in first:
        raise _refused(name, *_REFUSED_SUFFIXES[".docx"])
    if "content.xml" in members:
        raise _refused(name, *_REFUSED_SUFFIXES[".ods"])
    if members and all(member.endswith(".npy") for member in members):
        raise _refused(name, *_REFUSED_SUFFIXES[".npz"])
    if any(member.endswith("data.pkl") for member in members):
        raise _refused(name, *_REFUSED_SUFFIXES[".pt"])
    if last_suffix(name) in _REFUSED_SUFFIXES:
        raise _refused(name, *_REFUSED_SUFFIXES[last_suffix(name)])


def _refused(name: str, what: str, instead: str) -> DataError:
    readable = "Parquet, CSV, TSV, JSON lines or libsvm text"
    return DataError(f"{name}: expected {readable}, found {what}, which awe does not read", hint=instead)


def last_suffix(name: str) -> str:
    """The suffix that tells the format: ".csv" of "a.csv.gz"."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def bom_encoding(plain: bytes) -> str | None:
    """The encoding that a byte order mark tells; None where there is none."""
    marks = (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (codecs.BOM_UTF8, "utf-8-sig"),
    )
    return next((encoding for mark, encoding in marks if plain.startswith(mark)), None)


def refuse_utf16_without_mark(name: str, plain: bytes) -> None:
    """Raise DataError where every other byte of text is NUL: UTF-16 that does not begin with a byte order mark."""
    sample = plain[:512]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        nulls, others = sample[start::2], sample[1 - start :: 2]
        if len(nulls) > 3 and nulls.count(0) > 0.9 * len(nulls) and others.count(0) == 0:
            raise DataError(
                f"{name}: expected UTF-8 text, found UTF-16 without a byte order mark",
                hint=f"name it with --encoding {encoding}",
            )


def format_of(name: str, plain: bytes, options: ReadOptions) -> str:
    """The format of the file `name` that begins with `plain` (as UTF-8), which the user may have named.

    Raises DataError where it is not what its name or the user says, or cannot be told.
    """
    format = options.format
    lines = _lines(plain)
    if options.prepared and format is not None:  # the file may have another, if it shows
        named = _SUFFIXES.get(last_suffix(name))
        is_named = named is not None and not (named == "tsv" and format in ("annif", "trec"))
        format = "jsonl" if lines[0].startswith(b"{") else None if is_named else format
    if plain.startswith(b"PAR1"):
        if format not in (None, "parquet"):
            raise DataError(f"{name}: expected {format}, found Parquet", hint="leave out --format")
        return "parquet"
    if format is not None and format != "parquet":
        return format
    named = format or _SUFFIXES.get(last_suffix(name))
    if named == "parquet":
        raise DataError(
            f"{name}: expected Parquet, found something else (it does not start with PAR1)",
            hint="name its format with --format, or make the file again",
        )
    if named in (None, "tsv", "csv") and not options.columns and not options.separator:
        if options.relevance and _is_trec(lines):
            return "trec"
        if _is_annif(lines):
            return "annif"
    if named is None and (options.columns or options.separator) and not lines[0].startswith((b"{", b"[")):
        return "csv"
    return named or _sniff(name, lines)


def _lines(plain: bytes) -> list[bytes]:
    """The first few lines that are not blank, the one that is cut off left out."""
    lines = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    whole = [line for line in lines[:-1] if line.strip()]
    return (whole or [line for line in lines if line.strip()])[:40]


def _sniff(name: str, lines: list[bytes]) -> str:
    """The format of text with no telling name, from its first lines."""
    first = lines[0].lstrip(b"\xef\xbb\xbf \t")
    if first.startswith((b"{", b"[")):
        return "jsonl"
    if first.startswith(b"__label__"):
        return "fasttext"
    tokens = lines[-1 if len(lines) < 2 else 1].split(b"#")[0].split()
    if tokens and b":" in tokens[-1] and b"\t" not in lines[0] and _is_pair(tokens[-1]):
        return "libsvm"
    if b"\t" in lines[0]:
        return "trec" if _is_trec(lines) and lines[0].split()[1] == b"0" else "tsv"
    if any(sign in lines[0] for sign in (b",", b";", b"|", b"::")):
        return "csv"
    if _is_trec(lines):
        return "trec"
    if all(_is_number(cell) for cell in first.split()) and detect_separator(lines, None):
        return "csv"  # such as the three columns of a sparse matrix
    raise DataError(
        f"{name}: its format cannot be told from its first lines",
        hint=f"name it with --format ({', '.join(FORMATS)}), or --separator space",
    )


def _is_trec(lines: list[bytes]) -> bool:
    """Whether all lines are judgements (query, 0, document, grade) or all those of a run (six columns)."""
    rows = [line.split() for line in lines]
    judged = all(len(row) == 4 and _is_iteration(row[1]) and _is_integer(row[3]) for row in rows)
    run = all(len(row) == 6 and _is_integer(row[3]) and _is_number(row[4]) for row in rows)
    return bool(rows) and (judged or (run and len({row[1] for row in rows}) == 1))


def _is_annif(lines: list[bytes]) -> bool:
    """Whether all lines are a text, a tab, and URIs in angle brackets."""
    uris = re.compile(rb"[^\t]*\t\s*(<[^<>\s]+>\s*)*")
    is_uri = re.compile(rb"\t\s*<[^<>\s]+:[^<>\s]+>")
    return all(uris.fullmatch(line) for line in lines) and any(is_uri.search(line) for line in lines)


def _is_iteration(cell: bytes) -> bool:
    return cell.upper() == b"Q0" or cell.isdigit()


def _is_integer(cell: bytes) -> bool:
    return cell.removeprefix(b"-").isdigit()


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_pair(token: bytes) -> bool:
    index, _, value = token.rpartition(b":")
    return _is_number(value) and index.isdigit()


# Input files: where they are, how they are packed and encoded, which format they hold.

STDIN = "-"
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # what Hive and Spark call the folder of rows without a value
_HEAD = 1 << 16
_WAIT = 5.0  # seconds for someone to write into a named pipe
# What unpacking a damaged file raises.
READ_ERRORS = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
_AGAIN = "make or download the file again"


@dataclass(frozen=True)
class Source:
    """One input: a file, or a folder of files.

    name        what the user called it
    path        the file that holds it (a copy of stdin or of a pipe)
    packing     how it is compressed: "gzip", "zstd", "bz2", "xz", "zip" or None
    format      one of FORMATS; of a folder, that of its first file
    options     how the user wants it read
    encoding    of text that is not UTF-8
    member      the file inside a zip archive
    partitions  column → value, of folders such as split=train; None where the folder says that it is null
    parts       the files of a folder; empty for a file
    row_groups  of a Parquet file, the first that is read and the one after the last; None: all
    first_row   the number in the file of the first row that is read
    known       what was learnt of the file while it was looked at, by name
    """

    name: str
    path: Path
    packing: str | None
    format: str
    options: ReadOptions = field(default_factory=ReadOptions)
    log: ReadingLog = field(default_factory=ReadingLog, compare=False)
    encoding: str | None = None
    member: str | None = None
    partitions: tuple[tuple[str, str | None], ...] = ()
    parts: tuple[Source, ...] = ()
    row_groups: tuple[int, int] | None = None
    first_row: int = 1
    known: dict[str, Any] = field(default_factory=dict, compare=False)

    def files(self) -> tuple[Source, ...]:
        """The files to read, one after the other."""
        return self.parts or (self,)

    def open(self) -> Any:
        """A stream of the unpacked bytes, with `read` and `close`. Raises what READ_ERRORS lists."""
        return _open_packed(self.path, self.packing, self.member)

    def sha256(self) -> str:
        """The digest of the file as it is stored (hex); with names for a folder's files, and for one in an archive."""
        if not self.parts:
            try:
                with self.path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256")
            except OSError as error:
                raise _unreadable(self.name, self.path, error) from error
            if self.member is not None:
                digest.update(b"\0" + self.member.encode("utf-8", "surrogateescape"))
            return digest.hexdigest()
        total = hashlib.sha256()
        for part in self.parts:
            total.update(
                f"{Path(part.name).relative_to(self.name)}\0{part.sha256()}\n".encode("utf-8", "replace")
            )
        return total.hexdigest()

    def damaged(self, error: Exception, hint: str = _AGAIN) -> AweError:
        """The error for a file that cannot be unpacked or read to its end, or that the system refuses to read."""
        if (refusal := refused_reading(error)) is not None:
            return _unreadable(self.name, self.path, refusal)
        return DataError(f"{self.name}: cannot be read: {_reason(error)}", hint=hint)


def find_source(
    name: str,
    path: Path,
    format: str | None = None,
    *,
    options: ReadOptions | None = None,
    log: ReadingLog | None = None,
) -> Source:
    """Look at a file or a folder and say what it is.

    path  where it lies; that of an address, such as s3://bucket/key, is its copy, whatever is given

    Raises MissingInputError where there is nothing readable, BusyError where an address does not answer, DataError
    where it is empty, of a kind that cannot be read, or its format cannot be told, UsageError where `format` is not one
    of FORMATS.
    """
    options = options or ReadOptions()
    options = options if format is None else replace(options, format=format)
    log = log or ReadingLog()
    if options.format is not None and options.format not in FORMATS:
        close = nearest(options.format, FORMATS)
        raise UsageError(
            f"--format: expected one of {', '.join(FORMATS)}, found {options.format!r}",
            hint=f"did you mean {close}?" if close else None,
        )
    return _source_at(name, path_of(name) if is_remote(name) else path, options, log)


def _source_at(name: str, path: Path, options: ReadOptions, log: ReadingLog) -> Source:
    """The source that lies at `path`. Raises as `find_source`."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        inside = _inside_zip(name, path)
        if inside is None:
            raise _unreadable(name, path, error) from error
        return _describe(name, inside[0], options, log, member=inside[1])
    except ValueError as error:  # a NUL in the name
        raise MissingInputError(f"{name!r}: there is no such file", hint="check the path") from error
    if stat.S_ISDIR(mode):
        return _folder(name, path, options, log)
    if not stat.S_ISREG(mode):
        path = _copy_of_pipe(name, path, mode)
    return _describe(name, path, options, log)


@contextmanager
def open_sources(
    names: Sequence[str],
    format: str | None = None,
    *,
    options: ReadOptions | Sequence[ReadOptions] | None = None,
    log: ReadingLog | None = None,
) -> Iterator[list[Source]]:
    """The sources named; "-" is stdin, spooled to a temporary file for as long as the block lasts.

    options  for all of them, or for each
    """
    if list(names).count(STDIN) > 1:
        raise UsageError("- (stdin) is named twice", hint="name it once")
    log = log or ReadingLog()
    each = options if isinstance(options, Sequence) else [options] * len(names)
    with ExitStack() as stack:
        sources = []
        for name, of_file in zip(names, each, strict=True):
            path = Path(name)
            if name == STDIN:
                folder = Path(stack.enter_context(_temporary_folder()))
                stack.enter_context(half_made(folder))
                path = _spool(sys.stdin.buffer, folder / "stdin", "stdin")
            shown = "stdin" if name == STDIN else name
            sources.append(find_source(shown, path, format, options=of_file, log=log))
        yield sources


def _describe(
    name: str, path: Path, options: ReadOptions, log: ReadingLog, *, member: str | None = None
) -> Source:
    """The source in one file. Raises MissingInputError and DataError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise _unreadable(name, path, error) from error
    packing = packing_of(head)
    if packing == "zip":
        member = member or _member(name, path)
    source = Source(name, path, packing, "csv", options, log, member=member)
    plain = head if packing is None else _unpacked_head(source)
    if not plain.strip():
        raise DataError(f"{name}: the file is empty", hint="name a file with at least one row")
    shown = f"{name}/{member}" if member else name
    refuse_by_name(shown, plain)
    encoding = options.encoding
    text = plain
    if not plain.startswith(b"PAR1"):
        marked = bom_encoding(plain)
        encoding = encoding or (marked if marked != "utf-8-sig" else None)
        if encoding is None:
            refuse_utf16_without_mark(name, plain)
        elif encoding != "utf-8":
            cut = plain[: len(plain) // 4 * 4]
            text = cut.decode(encoding, "replace").encode("utf-8", "replace")
        text = text.removeprefix(b"\xef\xbb\xbf")
        if not text.strip():
            raise DataError(f"{name}: the file is empty", hint="name a file with at least one row")
    format = format_of(member or name, text, options)
    source = replace(source, format=format, encoding=encoding)
    return _unpacked(source) if format == "parquet" and packing else source


def _unpacked_head(source: Source) -> bytes:
    try:
        with source.open() as stream:
            return bytes(stream.read(_HEAD))
    except READ_ERRORS as error:
        if refused_reading(error):
            raise source.damaged(error) from error
        if "password" in str(error):
            hint = "unpack it with the password, and name the file inside"
            raise DataError(f"{source.name}: the zip archive needs a password", hint=hint) from error
        raise DataError(
            f"{source.name}: expected a {source.packing} file, but it cannot be unpacked ({_reason(error)})",
            hint=_AGAIN,
        ) from error


def _open_packed(path: Path, packing: str | None, member: str | None) -> Any:
    if packing == "zip":
        return _ZipMember(path, str(member))
    if packing == "bz2":
        return bz2.open(path, "rb")
    if packing == "xz":
        return lzma.open(path, "rb")
    raw = pa.OSFile(str(path), "rb")
    return pa.CompressedInputStream(raw, packing) if packing else raw


class _ZipMember:
    """A stream of one file in a zip archive, which closes the archive with it."""

    def __init__(self, path: Path, member: str) -> None:
        self._archive = zipfile.ZipFile(path)
        self._stream: IO[bytes] | None = None
        try:
            self._stream = self._archive.open(member)
        except BaseException:
            self._archive.close()
            raise

    def read(self, size: int = -1) -> bytes:
        assert self._stream is not None
        return self._stream.read(size)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._archive.close()

    def __enter__(self) -> _ZipMember:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _members(name: str, path: Path) -> list[str]:
    """The files in a zip archive, without what systems add. Raises DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info.filename for info in archive.infolist() if not info.is_dir()]
    except READ_ERRORS as error:
        raise DataError(
            f"{name}: expected a zip archive, found a damaged one ({_reason(error)})", hint=_AGAIN
        ) from error
    return [
        member
        for member in found
        if not member.startswith("__MACOSX/") and not Path(member).name.startswith((".", "Thumbs.db"))
    ]


def _member(name: str, path: Path) -> str:
    """The one file of a zip archive that can be read. Raises DataError where there are several, or none."""
    members = _members(name, path)
    refuse_zip_by_name(name, members)
    tables = [member for member in members if last_suffix(member) in TABLE_SUFFIXES]
    if len(tables) > 1:  # beside a table, a README.txt is none
        tables = [member for member in tables if not member.lower().endswith((".txt", ".json"))] or tables
    chosen = members if len(members) == 1 else tables
    if len(chosen) == 1:
        return chosen[0]
    if not members:
        raise DataError(f"{name}: the zip archive has no files", hint=_AGAIN)
    shown = ", ".join(members[:10]) + (", …" if len(members) > 10 else "")
    raise DataError(
        f"{name}: expected a zip archive with one file, found {len(members):,}: {shown}",
        hint=f"name the one to read as {name}/{(chosen or members)[0]}",
    )


def _inside_zip(name: str, path: Path) -> tuple[Path, str] | None:
    """The archive and its member that a path such as ml.zip/ratings.csv names; None where it does not."""
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and os.path.isfile(parent):
            member = path.relative_to(parent).as_posix()
            members = _members(str(parent), parent)
            if member not in members:
                raise MissingInputError(
                    f"{name}: there is no such file in the archive; there are {', '.join(members[:10])}",
                    hint="name one of these",
                )
            return parent, member
    return None


def _folder(name: str, path: Path, options: ReadOptions, log: ReadingLog) -> Source:
    """All tables below a folder, in the order of their names; folders such as split=train are columns."""
    parts: list[Source] = []
    try:
        below = sorted(_files_below(path))
    except OSError as error:
        raise _unreadable(name, path, error) from error
    tables = [file for file in below if last_suffix(file.name) in TABLE_SUFFIXES]
    if len({last_suffix(file.name) for file in tables}) > 1:  # a README.txt beside tables
        tables = [file for file in tables if not file.name.lower().endswith((".txt", ".json"))]
    for file in tables or below:
        inside = file.relative_to(path)
        partitions = tuple(
            (key, None if value == _NULL_PARTITION else unquote(value))
            for folder in inside.parts[:-1]
            if "=" in folder
            for key, value in [folder.split("=", 1)]
        )
        try:
            part = _source_at(_below(name, inside), file, options, log)
        except DataError as error:
            if "the file is empty" in error.message and len(tables or below) > 1:
                log.warn(f"{error.message}; it was left out")
                continue
            raise
        parts.append(replace(part, partitions=partitions))
    if not parts:
        raise DataError(
            f"{name}: expected a folder with files, found none in it", hint="name a file, or another folder"
        )
    first = parts[0]
    return Source(name, path, None, first.format, options, log, parts=tuple(parts))


def _below(name: str, inside: Path) -> str:
    """What a file in a folder is called; as a path, an address would lose one of its slashes."""
    return f"{name.rstrip('/')}/{inside.as_posix()}" if is_remote(name) else str(Path(name) / inside)


def _files_below(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in files:
            if not name.startswith((".", "_")) and (Path(folder) / name).is_file():
                yield Path(folder) / name


def _copy_of_pipe(name: str, path: Path, mode: int) -> Path:
    """A temporary copy of what comes through a pipe, which can be read only once.

    Raises MissingInputError where nobody writes into it within _WAIT seconds, and for devices.
    """
    if not stat.S_ISFIFO(mode):
        if os.path.realpath(path) == os.devnull:
            raise DataError(f"{name}: the file is empty", hint="name a file with at least one row")
        raise MissingInputError(
            f"{name}: expected a file, found a device or socket", hint="name a file, or - for stdin"
        )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(name, path, error) from error
    known = _PIPES.get(str(path))  # what came through it before, where it is asked for again
    if known is not None:
        os.close(descriptor)
        return known
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        first = _first_bytes(name, descriptor)
        os.set_blocking(descriptor, True)
        handle, copy = tempfile.mkstemp(dir=_kept_folder())
        os.close(handle)
        _PIPES[str(path)] = _spool(stream, Path(copy), name, first)
        return _PIPES[str(path)]


def _first_bytes(name: str, descriptor: int) -> bytes:
    until = time.monotonic() + _WAIT
    while True:
        try:
            found = os.read(descriptor, 1 << 16)
        except BlockingIOError:  # someone holds it open for writing: they may take their time
            select.select([descriptor], [], [])
            continue
        if found:
            return found
        if time.monotonic() > until:
            raise MissingInputError(
                f"{name}: expected a file, found a pipe that nothing is written to",
                hint="start what writes into it first, or name - and pipe it to awe",
            )
        time.sleep(0.05)


_PIPES: dict[str, Path] = {}
_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder. Raises WriteError where there is no place for one."""
    try:
        return tempfile.TemporaryDirectory(prefix="awe-")
    except OSError as error:
        raise WriteError(
            f"no temporary folder can be made: {error.strerror or error}",
            hint="free some room in the folder for temporary files, or set TMPDIR to another one",
        ) from error


def _kept_folder() -> str:
    """A temporary folder that is removed when the process ends."""
    if not _KEPT:
        _KEPT.append(_temporary_folder())
    return _KEPT[0].name


def _spool(stream: BinaryIO | Any, path: Path, name: str, first: bytes = b"") -> Path:
    try:
        with path.open("wb") as file:
            file.write(first)
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        raise WriteError(
            f"{name} cannot be spooled to {path.parent}: {error.strerror or error}",
            hint="free some room there, or set TMPDIR to a folder that has it",
        ) from error
    return path


def _unpacked(source: Source) -> Source:
    """Parquet is read from its end, so a packed one is unpacked first."""
    handle, name = tempfile.mkstemp(suffix=".parquet", dir=_kept_folder())
    os.close(handle)
    path = Path(name)
    try:
        with source.open() as stream, path.open("wb") as file:
            while chunk := stream.read(1 << 20):
                try:
                    file.write(chunk)
                except OSError as error:
                    raise WriteError(
                        f"{source.name} cannot be unpacked to {path.parent}: {error.strerror or error}",
                        hint="free some room there, or set TMPDIR to a folder that has it",
                    ) from error
    except AweError:
        raise
    except READ_ERRORS as error:
        if refused_reading(error):
            raise source.damaged(error) from error
        raise DataError(f"{source.name}: cannot be unpacked ({_reason(error)})", hint=_AGAIN) from error
    return replace(source, path=path, packing=None, member=None)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _unreadable(name: str, path: Path, error: OSError) -> MissingInputError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        folder = path.parent
        known = os.listdir(folder) if os.path.isdir(folder) and os.access(folder, os.R_OK) else []
        close = nearest(path.name, known)
        if name == STDIN:
            return MissingInputError(
                "-: expected a file, found stdin", hint="save what comes there to a file"
            )
        return MissingInputError(
            f"{name}: there is no such file",
            hint=f"did you mean {folder / close}?" if close else "check the path",
        )
    if error.errno == errno.EACCES:
        return MissingInputError(
            f"{name}: cannot be read: {os.strerror(error.errno)}",
            hint=f"check its permissions, for example with ls -ld {name}",
        )
    return MissingInputError(
        f"{name}: cannot be read: {os.strerror(error.errno or 0)}",
        hint="check its path, permissions and disk",
    )

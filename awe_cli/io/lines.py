"""Text in blocks of whole lines: UTF-8, whatever the file's encoding is, checked, with the number of the first line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import numpy as np

from awe_cli.errors import AweError, DataError
from awe_cli.io.sources import READ_ERRORS, Source

BLOCK = 8 << 20  # bytes of text in memory at a time
_LONGEST = 1 << 28  # bytes of a line


def blocks(source: Source, size: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """The number of the first line (from 1), and some whole lines; only the last may lack its line break.

    Lines end with a line feed: where a file has carriage returns alone, they are turned into line feeds.
    Raises DataError for what cannot be unpacked, for bytes that are no text in the encoding, with the line, for NUL
    bytes, and for a line longer than 256 MB.
    """
    line = 1
    rest: list[bytes] = []
    held = 0
    for chunk in _chunks(source, size):
        cut = chunk.rfind(b"\n") + 1
        if not cut:
            rest.append(chunk)
            held += len(chunk)
            if held > _LONGEST:
                raise DataError(
                    f"{source.name}: line {line:,} is longer than {_LONGEST >> 20} MB",
                    hint="is it a table of text? look at its beginning with head -c 1000",
                )
            continue
        block = b"".join([*rest, chunk[:cut]])
        rest, held = [chunk[cut:]], len(chunk) - cut
        _check(source, block, line)
        yield line, block
        line += count_lines(block)
    block = b"".join(rest)
    if block:
        _check(source, block, line)
        yield line, block


def count_lines(block: bytes) -> int:
    """How many line feeds there are; faster than `bytes.count` where lines are short."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == 10))


def head(source: Source, most: int) -> bytes:
    """The first lines, about `most` bytes or the first line if that is longer."""
    return next((block for _, block in blocks(source, most)), b"")


def _chunks(source: Source, size: int) -> Iterator[bytes]:
    """The file as UTF-8 without a byte order mark, with line feeds at the end of lines."""
    carriage: bool | None = None
    line = 1
    decoder = (
        codecs.getincrementaldecoder(source.encoding)() if source.encoding not in (None, "utf-8") else None
    )
    try:
        with source.open() as stream:
            start = True
            while chunk := stream.read(size):
                if decoder is not None:
                    chunk = _decoded(source, decoder, chunk, line)
                if start:
                    chunk = chunk.removeprefix(b"\xef\xbb\xbf")
                    start = not chunk
                if (
                    carriage is None
                ):  # a carriage return at the end of a chunk may have its line feed in the next
                    carriage = False if b"\n" in chunk else True if b"\r" in chunk[:-1] else None
                if carriage:
                    chunk = chunk.replace(b"\r", b"\n")
                if decoder is not None:
                    line += chunk.count(b"\n")
                yield chunk
            if decoder is not None and (last := _decoded(source, decoder, b"", line, final=True)):
                yield last
    except AweError:
        raise
    except READ_ERRORS as error:
        raise source.damaged(error) from error


def _decoded(
    source: Source, decoder: codecs.IncrementalDecoder, chunk: bytes, line: int, *, final: bool = False
) -> bytes:
    try:
        return decoder.decode(chunk, final).encode("utf-8")
    except UnicodeError as error:
        before = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        at = line + before.count(b"\n")
        raise DataError(
            f"{source.name}: line {at:,}: expected text in {source.encoding}, found other bytes",
            hint="name its encoding with --encoding, such as utf-8, latin-1 or cp1252",
        ) from error


def _check(source: Source, block: bytes, line: int) -> None:
    """Raise DataError where the block is no text."""
    if b"\0" in block:
        at = block.index(b"\0")
        where = line + block.count(b"\n", 0, at)
        raise DataError(
            f"{source.name}: line {where:,}: expected text, found a NUL byte",
            hint="is it a binary file, or UTF-16 (--encoding utf-16-le)? else remove the byte with tr -d '\\000'",
        )
    if block.isascii():
        return
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
        where = line + block.count(b"\n", 0, at)
        begin = block.rfind(b"\n", 0, at) + 1
        shown = block[max(begin, at - 40) : at + 20].split(b"\n")[0].decode("utf-8", "replace")
        data = f" (row {where - 1:,} below a header)" if where > 1 else ""
        raise DataError(
            f"{source.name}: line {where:,}{data}: expected UTF-8 text, found the byte 0x{block[at]:02x} in {shown!r}",
            hint="name its encoding: --encoding latin-1 or cp1252 for western languages; "
            "or convert it with iconv -t utf-8",
        ) from None

"""What can go wrong, and the exit code each kind of failure ends the program with."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import ClassVar

# What the system says where there is no room to write.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What it says where something else stands at a path than the file that is meant.
_NOT_THE_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG, errno.EINVAL}
)


class AweError(Exception):
    """A failure the user can act on.

    `message` says what was expected and what was found, and where; `hint` says what to do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AweError):
    """The options contradict each other or one is missing."""

    exit_code = 2


class DataError(AweError):
    """The input was read, and what it holds cannot be used."""

    exit_code = 65


class MissingInputError(AweError):
    """A file, column, model or table that was named is not there."""

    exit_code = 66


class StaleError(AweError):
    """Nothing has succeeded for longer than was asked for."""

    exit_code = 69


class DivergedError(AweError):
    """Training ran away: a loss or a parameter is no longer a finite number."""

    exit_code = 70


class WriteError(AweError):
    """The result cannot be written: no permission, no room."""

    exit_code = 73


class CorruptArtifactError(AweError):
    """A stored artifact is not what its manifest says."""

    exit_code = 74


class BusyError(AweError):
    """What is needed is in use or does not answer now: a workspace that another process writes to, a scheduler."""

    exit_code = 75


class SettingsError(AweError):
    """A setting is outside its range or unknown."""

    exit_code = 78


class GateError(AweError):
    """A model is not good enough to be taken."""

    exit_code = 79


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """The hint for a name that is not known: the one most like it, or what else to do."""
    similar = nearest(name, known)
    return f"did you mean {similar!r}?" if similar else otherwise


def refused_reading(error: BaseException) -> OSError | None:
    """The system error that kept a file from being read: `error`, or what it was raised for.

    None where the file was read and is not what it should be. Decoders raise OSError, too, without a number of the
    system, and zipfile takes an error of the disk for a file that is no archive.
    """
    for one in (error, error.__context__):
        if isinstance(one, OSError) and one.errno is not None:
            return None if one.errno in _NOT_THE_FILE else one
    return None

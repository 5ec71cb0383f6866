"""The exceptions, one for each kind of error of the library."""

from __future__ import annotations

import re
import sys
import warnings


class Error(Exception):
    """An error of anabranch: one sentence that says what is wrong and what to do.

    Attributes
    ----------
    path : str or None
        The file, folder, address or array of the error, if it has one.
    exit_code : int
        The exit code with which the program ``anabranch`` would end.
    """

    path: str | None = None
    exit_code: int = 70


class UsageError(Error, ValueError):
    """The arguments contradict each other, or cannot apply to this image."""

    exit_code = 2


class DataError(Error, ValueError):
    """The image is damaged, of an unsupported form, or holds values that have no meaning here, such as NaN."""

    exit_code = 65


class MissingError(Error, FileNotFoundError):
    """The image does not exist."""

    exit_code = 66


class PeerError(Error, ConnectionError):
    """Another process is missing."""

    exit_code = 69


class InternalError(Error, RuntimeError):
    """A defect of this library."""


class OutputError(Error, OSError):
    """The output cannot be created: the folder holds other things, or cannot be written."""

    exit_code = 73


class InputOutputError(Error, OSError):
    """A read or a write failed."""

    exit_code = 74


class InterruptedRun(Error, RuntimeError):
    """A run was asked to end."""

    exit_code = 130


class ImageWarning(UserWarning):
    """What may mislead about an image or its results."""


def spoken(sentence: str) -> str:
    """The sentence with keyword arguments in place of the program's options: ``sigma=`` for ``--sigma``."""
    sentence = re.sub(r"--(method|columns) ([a-z]+)", r"\1='\2'", sentence)
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", lambda found: found[1].replace("-", "_") + "=", sentence)


def make(kind: str, sentence: str, path: str | None, exit_code: int) -> Error:
    """The exception of a kind."""
    error = globals()[kind](spoken(sentence))
    error.path, error.exit_code = path, exit_code
    return error


def warn(sentence: str) -> None:
    """Says a warning of the library, at the line that called this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("anabranch", "functools"):
        level, frame = level + 1, frame.f_back
    warnings.warn(spoken(sentence), ImageWarning, stacklevel=level)

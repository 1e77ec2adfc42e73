"""Standard streams that can't fail: what becomes of the output changes nothing of what a command does.

A full disk, a pipe that nobody reads any more, or a stream that the shell has closed, would raise an error
wherever something is printed: after an account was disconnected, say. Here such an error is kept for the end.
"""

import io
import os
import select
import sys
from typing import TextIO

NOT_WRITTEN = 6
"""The exit code where all was done, but the output could not be written."""

_ERRORS = "backslashreplace"  # a seller's name may not fit a terminal's encoding


class Output(io.FileIO):
    """A file descriptor to write to, that takes everything.

    Attributes:
        error: The first one; after it nothing is written any more.
    """

    error: OSError | None = None

    def write(self, piece: object) -> int:
        """Write all of ``piece`` or keep the error. Returns how much that is, in either case."""
        rest = memoryview(piece).cast("B")  # type: ignore[arg-type]
        size = len(rest)
        while rest and self.error is None:
            try:
                written = super().write(rest)
                if written is None:  # another process made it non-blocking for all who share it
                    select.select([], [self], [])
                rest = rest[written or 0 :]
            except OSError as error:
                self.error = error
        return size


def guard() -> Output | None:
    """Put streams that can't fail in the place of standard output and standard error.

    Whatever of 0, 1 and 2 is closed is opened, so that no other file gets that number, and then what is
    printed; to use it fails as before.

    Returns:
        Standard output; None where that is something else, such as a console of Windows.
    """
    for number, wrong_way in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, wrong_way)  # takes the lowest number that is free, which is this one
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stderr, _ = _guarded(sys.stderr, 2)
    sys.stdout, output = _guarded(sys.stdout, 1)
    return output


def write_error() -> OSError | None:
    """Why standard output could not be written, if so; whoever wants to know of the last piece flushes it."""
    output = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return output.error if isinstance(output, Output) else None


def _guarded(stream: TextIO | None, number: int) -> tuple[TextIO, Output | None]:
    if stream is not None and not _is_plain(stream):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
        return stream, None
    output = Output(number, "wb", closefd=False)
    encoding = "utf-8" if stream is None else stream.encoding
    text = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=encoding,
        errors=_ERRORS,
        line_buffering=number == 2 or output.isatty(),
        write_through=bool(getattr(stream, "write_through", False)),
    )
    return text, output


def _is_plain(stream: TextIO) -> bool:
    binary = getattr(stream, "buffer", None)
    return type(getattr(binary, "raw", binary)) is io.FileIO

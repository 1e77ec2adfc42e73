"""Files that grow by whole pieces and are nobody else's: exports, journals, reports."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import click

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows, where two writers are not kept apart
    flock = None  # type: ignore[assignment]

_PRIVATE = 0o600


class CannotWrite(click.ClickException):
    """A file can't be written. What it held before is still there, whole."""

    def __init__(self, path: Path, why: object) -> None:
        reason = why.strerror if isinstance(why, OSError) else why
        super().__init__(f"can't write {path}: {reason}.")


class CannotRead(click.ClickException):
    """A file is not what it should be. It was not touched."""

    def __init__(self, path: Path, why: object) -> None:
        reason = why.strerror if isinstance(why, OSError) else why
        super().__init__(f"can't read {path}: {reason}.")


class AppendFile:
    """A file that only its owner may read, that one process at a time may append to.

    Each piece goes to the operating system at once, in one write: a process that is killed leaves at
    most one torn piece, at the end.

    Raises:
        CannotWrite: It can't be opened, or another process has it open here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self._fd = os.open(path, flags, _PRIVATE)
        except OSError as error:
            raise CannotWrite(path, error) from None
        try:
            if flock is not None:
                flock(self._fd, LOCK_EX | LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise CannotWrite(path, "another process is writing to it") from None

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return os.fstat(self._fd).st_size

    def append(self, piece: bytes) -> None:
        """Append all of ``piece``, or nothing.

        Raises:
            CannotWrite: Such as for want of room.
        """
        before = self.size
        try:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, before)
            raise CannotWrite(self.path, error) from None

    def cut(self, size: int) -> None:
        """Drop whatever stands after the first ``size`` bytes."""
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise CannotWrite(self.path, error) from None

    def sync(self) -> None:
        """Return when the disk has it: it outlives the machine's end too."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise CannotWrite(self.path, error) from None

    def close(self) -> None:
        """Let others write to it."""
        os.close(self._fd)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file to be written, which takes the place of ``path`` at the end of the block, or not at all.

    It is empty and beside ``path``, under a short name that nothing else has, with the same suffix; only its
    owner may read it. On an error it goes. A link is followed: what it points to is replaced.

    Raises:
        CannotWrite: Such as for want of room; ``path`` is as it was. Or it is a device, a pipe or a folder.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            raise CannotWrite(path, "it is not a regular file")
    except OSError as error:
        raise CannotWrite(path, error) from None
    new = target.with_name(f"imin-{token_hex(8)}.new{target.suffix}")
    try:
        new.touch(mode=_PRIVATE, exist_ok=False)  # in here, so that a signal that ends the command finds it
        yield new
        with open(new, "rb+") as whole:
            os.fsync(whole.fileno())
        os.replace(new, target)
    except BaseException as error:
        new.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CannotWrite(path, error) from None
        raise

"""Files that hold identifiers: exports, journals, reports, states. One rule for all of them.

Only their owner may read them, from the moment in which one is opened: a file that others could read loses
that permission, and one of another user's, or whose permissions can't be changed, is refused. A link is
followed, since somebody may want the file elsewhere, unless another user made it: in a folder for everybody,
such as /tmp, it would be a trap. Whoever says "written" has written the file that stands under that name.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, TypeAlias

import click

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows, where two writers are not kept apart
    flock = None  # type: ignore[assignment]

_PRIVATE = 0o600
_FOR_OTHERS = 0o077
_MOST_LINKS = 40  # as many as Linux follows
_MOST_TRIES = 100
_LONGEST_LINE = 256 * 1024 * 1024  # what is longer is no text; a row is as long as a seller makes it
_FOLDER = r"imin-[0-9a-f]{16}\.new"
SQLITE_LEAVES = ("-wal", "-shm", "-journal")
"""The ends of the names of files that belong to a database beside them, and stay where it was killed."""
_BESIDE = (*SQLITE_LEAVES, "-lock")
_NO_SUCH_FSYNC = {errno.EINVAL, errno.ENOTSUP}  # of a folder, on some network file systems

Identity: TypeAlias = tuple[int, int, int, int]
"""Which file stands under a name, and which version of it."""


class FilePath(click.Path):
    """An argument that is the path of a file: never a folder's, nor empty, as an unset variable makes it.

    Args:
        exists: The file has to be there.
        allow_dash: ``-`` stands for standard input, where ``exists`` does.
    """

    def __init__(self, *, exists: bool = False, allow_dash: bool = False) -> None:
        super().__init__(exists=exists, dir_okay=False, allow_dash=allow_dash, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path.

        Raises:
            BadParameter: It can't be a file's.
        """
        if not os.fspath(value):  # which a Path would take for the folder that one is in
            self.fail("the name of the file is empty", param, ctx)
        return super().convert(value, param, ctx)


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

    Args:
        fresh: Whether it has to be new, or empty.

    Attributes:
        real: Where ``path`` leads to, if it is a link.

    Raises:
        CannotWrite: It can't be opened, or not be made private, or another process has it open here.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.real = _followed(path)
        self._folder_has_it = False
        for _ in range(_MOST_TRIES):
            self._fd = self._opened()
            try:
                _lock(self._fd, path)
                # Until it was locked, whoever had it before may have put another file in its place.
                if self._is_there():
                    _make_private(self._fd, path)
                    if fresh and self.size:
                        raise CannotWrite(path, "another process has begun to write it")
                    return
            except BaseException:
                os.close(self._fd)
                raise
            os.close(self._fd)
        raise CannotWrite(path, "it is replaced again and again")

    def _opened(self) -> int:
        flags = (
            os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        )
        try:
            if self.real.exists() and not self.real.is_file():
                raise CannotWrite(self.path, "it is not a regular file")  # to open a device may do something
            return os.open(self.real, flags, _PRIVATE)
        except OSError as error:
            raise CannotWrite(self.path, error) from None

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._fd), os.lstat(self.real))
        except FileNotFoundError:
            return False

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return self._fd >= 0

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return os.fstat(self._fd).st_size

    def reading(self) -> BinaryIO:
        """Its content from the start, to be read before the next piece is appended."""
        file = os.fdopen(os.dup(self._fd), "rb")
        file.seek(0)
        return file

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
        """Return when the disk has it, under its name: it outlives the machine's end too.

        Raises:
            CannotWrite: Another file, or none, stands under its name by now.
        """
        try:
            os.fsync(self._fd)
            if not self._folder_has_it:
                _sync_folder(self.real.parent)
                self._folder_has_it = True
            is_there = self._is_there()
        except OSError as error:
            raise CannotWrite(self.path, error) from None
        if not is_there:
            raise CannotWrite(self.path, "it was moved, removed or replaced meanwhile")

    def close_to_be_replaced(self) -> None:
        """Close it where an open file can't be replaced: on Windows, which has no lock to lose either."""
        if flock is None:
            self.close()

    def remove_if_empty(self) -> None:
        """Leave no empty file behind, if it is still there and open."""
        if self.is_open and self.size == 0 and self._is_there():
            with contextlib.suppress(OSError):
                self.real.unlink()

    def close(self) -> None:
        """Let others write to it."""
        if self.is_open:
            os.close(self._fd)
            self._fd = -1


class Lines:
    """The lines of a file that are whole. A last one that is torn, without its end, is left out.

    Attributes:
        number: Of the line looked at last, from 1.
        end: Where the last whole one ends.
        torn: What is there of a torn one; looked at after all others. Zeros at its end are left out: after a
            power cut a file system may have lengthened a file whose last blocks were never written.
        size: Bytes in all, a torn line with its zeros included.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = self.end = self.size = 0
        self.torn = b""

    def __iter__(self) -> Iterator[bytes]:
        while line := self._file.readline(_LONGEST_LINE):
            self.number += 1
            self.size += len(line)
            if not line.endswith(b"\n"):
                if len(line) == _LONGEST_LINE:
                    raise ValueError("no text has such lines")
                self.torn = line.rstrip(b"\0")
                return
            self.end += len(line)
            yield line


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file to be written, which takes the place of ``path`` at the end of the block, or not at all.

    It is empty and has the same name, in a folder beside ``path`` that is new and nobody else's, and that
    goes in any case, with whatever else was written there. Only its owner may read it. What a killed process
    has left of the kind goes first.

    Raises:
        CannotWrite: Such as for want of room, or because another process has written ``path`` since the block
            began; ``path`` is as it was. Or it is a device, a pipe or a folder, or a link of another user's.
    """
    target = _followed(path)
    try:
        before = _identity(target, path)
        with _own_folder(target.parent) as folder:
            new = folder / target.name
            new.touch(_PRIVATE, exist_ok=False)
            yield new
            with open(new, "rb+") as whole:
                os.fsync(whole.fileno())
            with _one_by_one(target.parent):
                if _identity(target, path) != before:
                    raise CannotWrite(path, "another process wrote it meanwhile")
                os.replace(new, target)
            _sync_folder(target.parent)
    except OSError as error:
        raise CannotWrite(path, error) from None


def check_writable(*paths: Path | None, append: bool = False) -> None:
    """Find out before any work is done whether files can be written, without a change to any.

    Args:
        paths: None stands for no file.
        append: They are appended to where they exist, rather than replaced.

    Raises:
        CannotWrite: One can't, or is no regular file.
    """
    for path in paths:
        if path is None:
            continue
        target = _followed(path)
        try:
            exists = _identity(target, path) is not None
            if exists and append:
                os.close(os.open(target, os.O_WRONLY | os.O_APPEND))
            else:
                with _own_folder(target.parent) as folder:
                    (folder / target.name).touch()
        except OSError as error:
            raise CannotWrite(path, error) from None


@contextlib.contextmanager
def _own_folder(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent`` for the time of the block, locked so that others know that it is in use."""
    folder = parent / f"imin-{token_hex(8)}.new"
    lock = -1
    try:
        with _one_by_one(parent):
            _remove_left(parent)
            folder.mkdir(0o700)  # in here, so that a signal that ends the command finds it
            lock = _locked(folder)
        yield folder
    finally:
        _remove(folder)
        if lock >= 0:
            os.close(lock)


def _remove_left(parent: Path) -> None:
    """Remove such folders of one's own that nobody has locked: their process was killed."""
    if flock is None:
        return
    for folder in parent.glob("imin-*.new"):
        with contextlib.suppress(OSError):
            if re.fullmatch(_FOLDER, folder.name) and folder.lstat().st_uid == os.geteuid():
                fd = _locked(folder)
                if fd >= 0:
                    _remove(folder)
                    os.close(fd)


def _locked(folder: Path) -> int:
    """A descriptor that keeps a folder locked; -1 where another process does, or where that can't be."""
    if flock is None:
        return -1
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except OSError:  # NFS locks no folder
        os.close(fd)
        return -1
    return fd


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:  # a signal that ends the command
        shutil.rmtree(folder, ignore_errors=True)
        raise


def refuse_same(target: Path, option: str, *others: Path | None) -> None:
    """Let nobody write over what a command reads, writes or prints besides, by whatever name.

    Args:
        target: To be written; it need not exist, nor need any of the others.
        option: What ``target`` was given as.
        others: What is read or written as well; None stands for no file.

    Raises:
        UsageError: ``target`` is one of ``others`` or of their side files, or one of them is a side file of
            it, be it by a link or another spelling; or it is where a standard stream comes from or goes to.
    """
    for other in others:
        if other is not None and (
            any(_are_same(target, each) for each in (other, *side_files(other)))
            or any(_are_same(each, other) for each in side_files(target))
        ):
            wrong = f"{option} {target} would be written over what is read or written as well"
            raise click.UsageError(f"{wrong}: {other}")
    printed = "what is printed goes there without it"
    for number, does, why in (
        (0, "input comes from", "it is read"),
        (1, "output goes to", printed),
        (2, "error goes to", printed),
    ):
        with contextlib.suppress(OSError):  # it does not exist
            if os.path.samestat(os.stat(target), os.fstat(number)):
                wrong = f"{option} {target} would be written over the file that standard {does}"
                raise click.UsageError(f"{wrong}; name another one: {why}")


def side_files(path: Path) -> tuple[Path, ...]:
    """What SQLite and a feed keep beside a database of this name, where there is one."""
    real = Path(os.path.realpath(path))
    named = (file for file in (path, real) if file.name)  # "/" has none, and may be what a variable says
    return tuple(file.with_name(file.name + end) for file in named for end in _BESIDE)


def _are_same(one: Path, other: Path) -> bool:
    """Whether both names lead to one file, or would as soon as it is made."""
    one, other = (Path(os.path.normcase(os.path.realpath(each))) for each in (one, other))
    with contextlib.suppress(OSError):  # one of them does not exist
        if os.path.samefile(one, other):
            return True
    with contextlib.suppress(OSError):  # nothing can be written there
        return one.name == other.name and os.path.samefile(one.parent, other.parent)
    return False


def make_private(path: Path) -> None:
    """Let only its owner read a file that exists, if it does.

    Raises:
        CannotWrite: It is a link, or no file of one's own.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotWrite(path, "it is a link" if error.errno == errno.ELOOP else error) from None
    try:
        _make_private(fd, path)
    finally:
        os.close(fd)


def _followed(path: Path) -> Path:
    """Where ``path`` leads to."""
    try:
        for _ in range(_MOST_LINKS):
            if not path.is_symlink():
                return path
            if hasattr(os, "geteuid") and path.lstat().st_uid not in (os.geteuid(), 0):
                raise CannotWrite(path, "it is a link that another user made")
            path = path.parent / os.readlink(path)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except OSError as error:
        raise CannotWrite(path, error) from None


def _lock(fd: int, path: Path) -> None:
    try:
        if flock is not None:
            flock(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        raise CannotWrite(path, "another process is writing to it") from None
    except OSError as error:
        raise CannotWrite(path, error) from None


def _make_private(fd: int, path: Path) -> None:
    there = os.fstat(fd)
    if not stat.S_ISREG(there.st_mode):
        raise CannotWrite(path, "it is not a regular file")
    if not hasattr(os, "geteuid"):  # Windows, where a folder says who may read what is in it
        return
    if there.st_uid != os.geteuid():
        raise CannotWrite(path, "it belongs to another user")
    if there.st_mode & _FOR_OTHERS:
        with contextlib.suppress(OSError):
            os.fchmod(fd, _PRIVATE)
        if os.fstat(fd).st_mode & _FOR_OTHERS:  # a file system may know no permissions, such as a USB stick's
            raise CannotWrite(path, "others may read it, and that can't be changed")


def _identity(target: Path, path: Path) -> Identity | None:
    try:
        there = os.lstat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(there.st_mode):
        raise CannotWrite(path, "it is not a regular file")
    return there.st_dev, there.st_ino, there.st_mtime_ns, there.st_size


@contextlib.contextmanager
def _one_by_one(folder: Path) -> Iterator[None]:
    """Keep other processes of ours from replacing files there, for a moment; as far as that can be locked."""
    if flock is None:
        yield
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # NFS locks no folder
            flock(fd, LOCK_EX)
        yield
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    """Return when the disk has the names in it."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folder
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SUCH_FSYNC:
            raise
    finally:
        os.close(fd)

"""The package without what Windows lacks, taken away in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imin_accounts.fake import FakeImin, add_crowd
from tests.cli.commands import environment
from tests.cli.processes import write_ids

WINDOWS = """
import asyncio, concurrent.futures, logging, multiprocessing, pathlib, shutil, signal, socket, sqlite3, ssl
import os, subprocess, sys, tempfile, threading, warnings  # the standard library here may need what goes

for name in (
    "O_CLOEXEC O_DIRECTORY O_DSYNC O_NOFOLLOW O_SYNC chown chroot fchdir fchmod fchown fork forkpty getegid "
    "geteuid getgid getgroups getloadavg getpgid getsid getuid killpg lchown lockf mkfifo nice openpty "
    "posix_fadvise posix_fallocate posix_spawn pread pwrite register_at_fork sendfile "
    "setgid setsid setuid statvfs sync sysconf uname wait3 wait4"
).split():
    if hasattr(os, name):
        delattr(os, name)
for name in "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2".split():
    if hasattr(signal, name):
        delattr(signal, name)
for name in "fcntl grp posix pty pwd readline resource syslog termios tty".split():
    sys.modules[name] = None

class Loop(asyncio.SelectorEventLoop):
    def add_signal_handler(self, *_):
        raise NotImplementedError
    remove_signal_handler = add_signal_handler

class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        return Loop()

asyncio.set_event_loop_policy(Policy())
"""

IMPORT_ALL = """
import importlib, pkgutil, imin_accounts
for module in pkgutil.walk_packages(imin_accounts.__path__, "imin_accounts."):
    try:
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    except ImportError as error:
        if error.name not in ("pyarrow", "pytest") and "needs an extra" not in str(error):
            raise
print("imported", len([name for name in sys.modules if name.startswith("imin_accounts")]) > 50)
"""

COMMAND = """
from imin_accounts.cli import main
sys.exit(main())
"""

USE = """
import imin_accounts
from imin_accounts.fake import FakeImin, add_rosie
async def use():
    imin = FakeImin()
    add_rosie(imin)
    async with imin.serve() as url, imin_accounts.AccountsSession("test-key", base_url=url) as session:
        accounts = await session.get_seller_accounts("rosie")
        print(await session.delete_seller_account("rosie", accounts.connected[0].seller.id))
asyncio.run(use())
"""


def run(program: str, *arguments: str | Path, base_url: str = "") -> "subprocess.CompletedProcess[str]":
    """Run ``program`` where there is nothing that Windows lacks."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", WINDOWS + program, *map(str, arguments)],
        env={**os.environ, **environment(base_url)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_module_can_be_imported() -> None:
    """None needs more than Windows has."""
    ran = run(IMPORT_ALL)
    assert (ran.stdout, ran.stderr) == ("imported True\n", "")


def test_the_library_works() -> None:
    """A call and a disconnection over a socket."""
    ran = run(USE)
    assert ran.stdout.startswith("Deletion(outcome='confirmed'"), ran.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["demo"], ["--help"]], ids=" ".join)
def test_a_command_works(arguments: list[str]) -> None:
    """Such as need no service."""
    ran = run(COMMAND, *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite"])
def test_an_export_works(name: str, tmp_path: Path, fake_imin: FakeImin, imin_server: str) -> None:
    """Into a file of each kind; without a lock, which Windows does not have."""
    add_crowd(fake_imin, sellers=2, customers=3)
    ids, out = write_ids(tmp_path / "ids.txt", 3), tmp_path / name
    ran = run(COMMAND, "export", ids, "-o", out, base_url=imin_server)
    assert (ran.stdout, ran.stderr) == (f"{out}: 3 customers read, 0 failed.\n", "")


def test_a_bulk_disconnection_works(tmp_path: Path, fake_imin: FakeImin, imin_server: str) -> None:
    """With its journal, which is fsynced as far as Windows can."""
    add_crowd(fake_imin, sellers=1, customers=3)
    ids, journal = write_ids(tmp_path / "ids.txt", 3), tmp_path / "journal.jsonl"
    ran = run(COMMAND, "disconnect-all", "--ids", ids, "--journal", journal, "--yes", base_url=imin_server)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout

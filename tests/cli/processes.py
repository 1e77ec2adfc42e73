"""Running the command line as a process of its own, to be killed, interrupted or short of room."""

import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from tests.cli.commands import environment

_PATIENCE = 600.0


@attrs.frozen
class ProcessResult:
    """How a process ended."""

    code: int
    out: str
    err: str


COMMAND = (sys.executable, "-m", "imin_accounts.cli")


def start(
    base_url: str,
    *arguments: str | Path | int,
    preexec: Callable[[], None] | None = None,
    under: Sequence[str | Path] = (),
) -> "subprocess.Popen[str]":
    """Start ``imin-accounts`` against an emulated imin, as arguments of the command ``under`` if given."""
    return subprocess.Popen(
        [*map(str, under), *COMMAND, *map(str, arguments)],
        env={**os.environ, **environment(base_url)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=preexec,
    )


def end(process: "subprocess.Popen[str]") -> ProcessResult:
    """Wait for its end."""
    with process:
        out, err = process.communicate(timeout=_PATIENCE)
    return ProcessResult(process.returncode, out, err)


def run_to_end(
    base_url: str, *arguments: str | Path, preexec: Callable[[], None] | None = None
) -> ProcessResult:
    """Run ``imin-accounts`` to its end."""
    return end(start(base_url, *arguments, preexec=preexec))


def signal_when(
    process: "subprocess.Popen[str]", due: Callable[[], bool], signum: signal.Signals
) -> ProcessResult:
    """Send a signal as soon as ``due``, and wait for the end."""
    if wait_until(process, due):
        process.send_signal(signum)
    return end(process)


def terminate_when(
    process: "subprocess.Popen[str]", due: Callable[[], bool], signum: signal.Signals
) -> ProcessResult:
    """The same, again and again: Python looks at a signal that came just before it waits only afterwards."""
    if wait_until(process, due):
        while process.poll() is None:
            process.send_signal(signum)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
    return end(process)


def wait_until(process: "subprocess.Popen[str]", due: Callable[[], bool]) -> bool:
    """Wait until ``due``; False where the process ends before."""
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        if due():
            return True
        time.sleep(0.001)  # until the other process is there; nothing depends on how long it takes
    return False


def run_in_shell(base_url: str, line: str, *, folder: Path, **more: str) -> ProcessResult:
    """Run a line of Bash in which ``$I`` stands for ``imin-accounts``; ``more`` are further variables."""
    env = {**os.environ, **environment(base_url), "I": shlex.join(COMMAND), **more}
    ran = subprocess.run(
        ["bash", "-c", line], env=env, cwd=folder, capture_output=True, timeout=_PATIENCE, check=False
    )
    return ProcessResult(ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode())


def little_room() -> None:
    """Let this process write no file of more than 4,000 bytes: to be run before it starts."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))


def write_ids(file: Path, count: int) -> Path:
    """A file of ``customer-1`` and so on."""
    file.write_text("".join(f"customer-{n}\n" for n in range(1, count + 1)), encoding="utf-8")
    return file

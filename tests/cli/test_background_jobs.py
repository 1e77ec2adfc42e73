"""What serves until it is told to end, started as a shell starts a background job: with SIGINT ignored."""

import signal

import pytest

from tests.cli.processes import end, start


def ignore_interrupts() -> None:
    """As a shell does for a command that ends with ``&``; to be run before the command starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=lambda signum: signum.name)
@pytest.mark.parametrize("command", ["emulator --port 0", "demo --serve --port 0"])
def test_a_background_job_ends_when_told_to(command: str, signum: signal.Signals) -> None:
    """By either signal, in order: exit code 0, and not a word."""
    process = start("", *command.split(), preexec=ignore_interrupts)
    assert process.stdout is not None
    assert " at http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signum)
    ended = end(process)
    assert (ended.code, ended.err) == (0, "")

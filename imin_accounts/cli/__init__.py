"""The command ``imin-accounts``. It needs the extra ``[cli]``: click, rich and the demo's."""

import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from threading import current_thread, main_thread
from typing import NoReturn

from imin_accounts.cli._install import install_command
from imin_accounts.cli._signals import OwnProcess, ignore_from_now
from imin_accounts.cli._streams import NOT_WRITTEN, guard


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; the process's own arguments if none are given.

    Raises:
        SystemExit: In any case. Its code says what happened at imin, whatever becomes of the output.
    """
    OwnProcess.is_here = arguments is None
    code = _run(arguments)
    ignore_from_now()
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    output = guard()
    if find_spec("click") is None or find_spec("rich") is None:
        print(f"imin-accounts needs its extra: {install_command('cli')}", file=sys.stderr)
        return 1
    _clean_up_when_terminated()
    try:
        from imin_accounts.cli._main import imin_accounts  # click is known to be there now

        imin_accounts.main(arguments, prog_name="imin-accounts")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:  # while modules were loaded
        code = 128 + signal.SIGINT
    if output is None:
        return code
    sys.stdout.flush()
    if output.error is not None:
        if not isinstance(output.error, BrokenPipeError):  # whoever closed a pipe has read enough
            print(f"Error: the output can't be written: {output.error.strerror}.", file=sys.stderr)
        return code or NOT_WRITTEN
    return code


def _clean_up_when_terminated() -> None:
    """Let SIGTERM and SIGHUP end the command as an exception does: a file that is unfinished goes."""
    for name in ("SIGTERM", "SIGHUP"):  # there is no SIGHUP on Windows
        signum = getattr(signal, name, None)
        if signum and current_thread() is main_thread() and signal.getsignal(signum) is signal.SIG_DFL:
            signal.signal(signum, _end)


def _end(signum: int, _: object) -> NoReturn:
    sys.exit(128 + signum)  # what a shell reports of a process that the signal killed

"""The command ``imin-accounts``. It needs the extra ``[cli]``: click, rich and the demo's."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the process's own arguments if none are given. The exit code is its end."""
    if find_spec("click") is None or find_spec("rich") is None:
        print("imin-accounts needs its extra: python -m pip install 'imin-accounts[cli]'", file=sys.stderr)
        return 1
    from imin_accounts.cli._main import imin_accounts  # click is known to be there now

    for stream in (sys.stdout, sys.stderr):  # a seller's name may not fit a terminal's encoding
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code: int = imin_accounts.main(arguments, prog_name="imin-accounts")
    return code

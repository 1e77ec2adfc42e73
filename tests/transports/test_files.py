"""A process that may open no further file: its own fault, and told as such."""

import subprocess
import sys

import pytest

from tests.paths import ROOT
from tests.transports.every import EVERY_TRANSPORT

pytest.importorskip("resource", reason="needs a limit of open files")
PROGRAM = """
import asyncio, os, resource, sys
from contextlib import suppress

from imin_accounts import TransportError
from imin_accounts.testing._playback import Playback
from imin_accounts.transports import Request
from tests.transports.every import make_transport

async def main():
    async with Playback() as server, make_transport(sys.argv[1]) as transport:
        def ask(fresh):
            request = Request(method="GET", url=server.origin + "/", headers={}, fresh=fresh)
            return transport.send(request, timeout=5)

        await ask(False)  # whatever is opened once
        await ask(True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        reason, held = "timeout", []
        while reason == "timeout":  # a connection that was just used may have closed meanwhile
            with suppress(OSError):
                while True:
                    held.append(os.dup(0))
            try:
                await ask(True)
            except TransportError as error:
                reason, maybe_sent = error.reason, error.maybe_sent
        print(reason, maybe_sent)

asyncio.run(main())
"""


@pytest.mark.parametrize("over", EVERY_TRANSPORT)
def test_no_file_is_left(over: str) -> None:
    """Nothing was sent, and it does not look as if nobody were there."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, over], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("too many open files False\n", 0), done.stderr

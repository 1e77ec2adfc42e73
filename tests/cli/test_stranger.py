"""A stranger with curl, who knows the emulator's address and nothing else."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = (sys.executable, "-m", "imin_accounts.cli", "emulator", "--port", "0", "--verbose")


class Stranger:
    """Reads, and types what is written there."""

    def __init__(self, address: str) -> None:
        if shutil.which("curl") is None:
            pytest.skip("not installed: curl")
        self._address = address

    def overview(self) -> Any:
        """What there is at the address."""
        return self.types(f"curl {self._address}/")

    def tries(self, words: str) -> Any:
        """The one command that is said to do this."""
        [command] = [each["curl"] for each in self.overview()["try"] if words in each["to"]]
        return self.types(command)

    def types(self, command: str) -> Any:
        """Run a command of curl's, and read the JSON of the reply, if there is any."""
        assert command.startswith("curl ")
        said = subprocess.run(
            [*shlex.split(command), "-sS"], capture_output=True, text=True, check=True
        ).stdout
        return json.loads(said) if said else None


def states(reply: Any) -> list[str]:
    """What a reply says of each account, read as imin's page says it."""
    return [
        "connected" if "dateLinked" in item else str(item["imin:matchingEmailExists"])
        for item in reply["imin:item"]
    ]


def test_a_stranger_finds_the_way() -> None:
    """From an address to the key, Rosie's accounts, a connection, a call that fails, and the log of it."""
    with subprocess.Popen(PROGRAM, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = re.findall(r"http://\S+", process.stdout.readline())[0]
        stranger = Stranger(address)
        refused = stranger.types(f"curl {address}/api/v2/customers/rosie/accounts")
        assert re.findall(r"http://\S+/", refused["emulator"]) == [f"{address}/"]
        assert stranger.overview()["key"] == {"header": "X-Api-Key", "value": "test-key"}
        assert states(stranger.tries("list a customer's accounts")) == ["connected", "True", "False"]
        stranger.tries("connect one without a browser")
        assert states(stranger.tries("list a customer's accounts")) == ["connected", "connected", "False"]
        stranger.tries("make the next call fail with 503")
        failed = stranger.tries("list a customer's accounts")
        assert (failed["statusCode"], "fault" in failed["emulator"]) == (503, True)
        assert stranger.overview()["requests"][0]["status"] == 503
        assert [each["status"] for each in stranger.tries("see what was received")] == [401, 200, 200, 503]
        process.terminate()
        log = process.stderr.read()
    assert re.search(r"^\d\d:\d\d:\d\d GET /api/v2/customers/rosie/accounts 503$", log, re.MULTILINE)
    assert "test-key" not in log

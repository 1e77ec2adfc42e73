"""The compose file: its commands are understood, and its service may speak to its emulator."""

import json
import re
from typing import Any

import click
import pytest

from imin_accounts import AccountsSession, InvalidRequest
from imin_accounts.cli._main import imin_accounts as program
from tests.paths import EXAMPLES

yaml = pytest.importorskip("yaml", reason="the compose file's tests need pyyaml")
FOLDER = EXAMPLES / "compose"


def services() -> Any:
    """What the file says of each service."""
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]


def understood(command: list[str]) -> dict[str, Any]:
    """The options of a command of ours; wrong usage is an error."""
    name, command_name, *arguments = command
    assert name == "imin-accounts"
    found = program.get_command(click.Context(program), command_name)
    assert found is not None
    with found.make_context(command_name, arguments) as context:
        return context.params


def test_the_emulator_is_for_everybody_there_and_its_links_for_a_browser_here() -> None:
    """In the image's own command and in the compose file's; the ports are this machine's alone."""
    text = (FOLDER / "Containerfile").read_text(encoding="utf-8")
    [command] = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    for options in (understood(json.loads(command)), understood(services()["emulator"]["command"])):
        assert (options["host"], options["admin"]) == ("0.0.0.0", "anywhere")
        assert options["public_url"] == "http://localhost:8080"
    assert all(port.startswith("127.0.0.1:") for each in services().values() for port in each["ports"])


def test_the_service_may_speak_to_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its environment a session can be made; without the opt-in it can't."""
    for name, value in services()["broker"]["environment"].items():
        monkeypatch.setenv(name, value)
    AccountsSession.from_env()
    monkeypatch.delenv("IMIN_INSECURE_HTTP")
    with pytest.raises(InvalidRequest):
        AccountsSession.from_env()

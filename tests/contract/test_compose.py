"""The compose file: its commands are understood, and its service may speak to its emulator."""

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from imin_accounts import AccountsSession, InvalidRequest
from imin_accounts.cli._main import imin_accounts as program
from imin_accounts.fake import FakeImin, Notify, add_rosie
from tests.paths import EXAMPLES, ROOT
from tests.ports import free_port

yaml = pytest.importorskip("yaml", reason="the compose file's tests need pyyaml")
FOLDER = EXAMPLES / "compose"


def text_of(file: str) -> str:
    """One of the example's files."""
    return (FOLDER / file).read_text(encoding="utf-8")


def services() -> Any:
    """What the file says of each service."""
    return yaml.safe_load(text_of("compose.yaml"))["services"]


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
    [command] = re.findall(r"^CMD (\[.*\])$", text_of("Containerfile"), re.MULTILINE)
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


def test_the_emulator_notifies_the_service() -> None:
    """At the route that it has, by its name and port, with the key that it knows."""
    broker = services()["broker"]
    [port] = [word.partition("=")[2] for word in broker["command"] if word.startswith("--port=")]
    notify = Notify(understood(services()["emulator"]["command"])["notify_url"])
    assert notify.url == f"http://broker:{port}/imin-webhook"
    assert notify.key == broker["environment"]["BROKER_WEBHOOK_KEY"]


async def test_the_service_starts_and_somebody_can_log_in(tmp_path: Path) -> None:
    """By its command and its environment, as the file's first lines say; sellers lead back to it."""
    pytest.importorskip("fastapi", reason="needs fastapi")
    pytest.importorskip("uvicorn", reason="needs uvicorn")
    fake, service, port = FakeImin(), services()["broker"], free_port()
    add_rosie(fake)
    command = [*service["command"][1:-2], "--host=127.0.0.1", f"--port={port}"]
    login, connections = map(
        shlex.split, re.findall("^#   (curl .*)$", text_of("compose.yaml"), re.MULTILINE)
    )
    origin = service["environment"]["BROKER_ORIGIN"]
    assert [login[-1], connections[-1]] == [f"{origin}/login", f"{origin}/connections"]
    assert origin.endswith(":8000")
    async with fake.serve() as imin:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                **service["environment"],
                "IMIN_BASE_URL": imin,
                "BROKER_SNAPSHOTS": str(tmp_path / "accounts.db"),
            },
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            while b"Uvicorn running" not in (line := await process.stderr.readline()):
                assert line, "it ended"
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as browser:
                await browser.post("/login", data=dict([login[login.index("-d") + 1].split("=")]))
                listed = (await browser.get("/connections")).json()["connections"]
                assert [each["state"] for each in listed] == ["connected", "unconnected", "no account"]
                sent = await browser.post("/connections/connect", data={"seller": listed[1]["seller"]})
                assert str(fake.decline(sent.headers["Location"])).startswith(f"{origin}/connections/return?")
        finally:
            process.terminate()
            await process.communicate()

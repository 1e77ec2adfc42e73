"""``imin-accounts emulator``: a process of its own, for tests in any language."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, urlsplit

import attrs
import pytest
from click.testing import CliRunner

from imin_accounts.cli.emulator import StateFile, _serve, emulator
from imin_accounts.fake import Drift, Effect, ErrorBody, FakeImin, Flaw, RateLimit, Rule, add_crowd
from tests.cli.commands import run
from tests.cli.processes import end, little_room, start
from tests.fake.requests import SELLER
from tests.paths import SAMPLES


def address_of(process: "subprocess.Popen[str]") -> str:
    """Where it serves, as its first line says."""
    assert process.stdout is not None
    return process.stdout.readline().split(" at ")[1].split()[0]


@contextmanager
def emulator_process(*options: str, signum: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """The command with these options, ended by a signal. Gives its base URL."""
    command = [sys.executable, "-m", "imin_accounts.cli", "emulator", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield address_of(process)
        finally:
            process.send_signal(signum)
        assert process.wait() == 0


def request_accounts(base: str, customer: str, method: str = "GET", query: str = "") -> tuple[int, Any]:
    """One request for a customer's accounts. Returns the status and the items."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc)
    path = f"/api/v2/customers/{customer}/accounts{query}"
    connection.request(method, path, headers={"X-Api-Key": "test-key"})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, json.loads(body).get("imin:item") if body else None


def test_it_starts_with_rosie_and_keeps_its_state(tmp_path: Path) -> None:
    """Three sellers in three states; what is changed is there again the next time."""
    file = str(tmp_path / "state.json")
    with emulator_process("--state", file) as base:
        _, items = request_accounts(base, "rosie")
        assert ["dateLinked" in i or i["imin:matchingEmailExists"] for i in items] == [True, True, False]
        assert request_accounts(base, "rosie", "DELETE", f"?seller={quote(SELLER, safe='')}") == (204, None)
    with emulator_process("--state", file) as base:
        _, items = request_accounts(base, "rosie")
        assert items[0]["imin:matchingEmailExists"] is True


def test_it_can_be_crowded_and_troubled(tmp_path: Path) -> None:
    """So many sellers and customers more, and a script of faults from the start."""
    file = tmp_path / "faults.json"
    file.write_text('{"rules": [{"nth": 1, "effect": {"status": {"status": 503}}}]}', encoding="utf-8")
    options = ("--sellers", "7", "--customers", "2", "--seed", "1", "--faults", str(file))
    with emulator_process(*options) as base:
        statuses = [
            request_accounts(base, "customer-2")[0],
            request_accounts(base, "customer-2")[0],
            request_accounts(base, "customer-3")[0],
        ]
        assert (statuses, len(request_accounts(base, "customer-2")[1])) == ([503, 200, 404], 10)


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("--faults", "{", "Expecting"),
        ("--faults", "[" * 100_000, "it is nested too deep"),
        ("--faults", "[" * 100 + "]" * 100, "nested over 64 deep"),
        ("--state", "{", "Expecting"),
        ("--state", "[" * 100_000, "it is nested too deep"),
        ("--state", '{"version": 1, "sellers": ' + "[" * 100 + "]" * 100 + "}", "nested over 64 deep"),
        ("--faults", '{"rules": [{}]}', "$.rules[0].effect: expected"),
        ("--state", '{"version": 2}', "$: expected an object with version 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_wrong_usage(
    tmp_path: Path, option: str, text: str, reason: str
) -> None:
    """Exit code 2 with the place and the reason; the file is left as it is."""
    file = tmp_path / "file.json"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(emulator, [option, str(file)])
    assert (result.exit_code, reason in result.output, file.read_text()) == (2, True, text)


def test_the_faults_help_is_complete() -> None:
    """Every effect, member and value, from the classes themselves; nothing is served."""
    ran = run("emulator", "--faults-help")
    assert ran.code == 0
    said = " ".join(ran.out.split())
    for cls in (*get_args(Effect), Rule, RateLimit):
        assert [field.name for field in attrs.fields(cls) if f" {field.name}: " not in said] == []
    names = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", effect.__name__).lower() for effect in get_args(Effect)]
    assert re.findall(r"^  (\w+): ", ran.out.partition("An effect")[2], re.MULTILINE)[: len(names)] == names
    for values in (ErrorBody, Flaw, Drift):
        assert all(f'"{value}"' in said for value in values)


def test_a_public_url_that_is_none_is_wrong_usage() -> None:
    """Exit code 2, and the option's name."""
    ran = run("emulator", "--port", "0", "--public-url", "localhost:8080")
    assert (ran.code, "--public-url" in ran.err) == (2, True)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Exit code 1 and a sentence; no state is written."""
    file = tmp_path / "state.json"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(emulator, ["--port", port, "--state", str(file)])
    assert (result.exit_code, "can't listen on 127.0.0.1" in result.output, file.exists()) == (1, True, False)


class NotifyingImin(FakeImin):
    """An emulator that sets ``served`` once it is served."""

    def __init__(self) -> None:
        super().__init__()
        self.served = asyncio.Event()

    @asynccontextmanager
    async def serve(self, **options: Any) -> AsyncIterator[str]:
        async with super().serve(**options) as base_url:
            self.served.set()
            yield base_url


async def test_its_state_is_saved_however_it_is_stopped(tmp_path: Path) -> None:
    """Being cancelled is what an interrupt comes to where there are no signal handlers."""
    fake, file = NotifyingImin(), tmp_path / "state.json"
    fake.add_customer("rosie")
    serving = asyncio.create_task(_serve(fake, {"port": 0}, StateFile(file)))
    await fake.served.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert json.loads(file.read_text(encoding="utf-8")) == fake.snapshot()


def test_a_state_that_can_not_be_saved_leaves_the_old_one(tmp_path: Path) -> None:
    """Exit code 1 and the reason; whoever starts from the file again finds it whole."""
    fake = FakeImin(seed=1)
    add_crowd(fake, sellers=3, customers=60)
    file, before = tmp_path / "state.json", json.dumps(fake.snapshot())
    file.write_text(before, encoding="utf-8")
    process = start("", "emulator", "--port", "0", "--state", file, preexec=little_room)
    assert process.stdout is not None
    assert "imin is emulated" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    ended = end(process)
    assert (ended.code, f"Error: can't write {file}: File too large." in ended.err) == (1, True)
    assert (file.read_text(encoding="utf-8"), list(tmp_path.iterdir())) == (before, [file])


def disconnect_rosie(base: str) -> None:
    assert request_accounts(base, "rosie", "DELETE", f"?seller={quote(SELLER, safe='')}") == (204, None)


def is_rosie_connected(file: Path) -> bool:
    """Whether a state says so."""
    return bool(json.loads(file.read_text(encoding="utf-8"))["connections"])


@pytest.mark.parametrize(
    "signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name
)
def test_its_state_is_saved_whatever_the_signal(signum: signal.Signals, tmp_path: Path) -> None:
    """A terminal that is closed sends SIGHUP."""
    file = tmp_path / "state.json"
    with emulator_process("--state", str(file), signum=signum) as base:
        disconnect_rosie(base)
    assert not is_rosie_connected(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    """Its state is kept in the place that was asked for."""
    file = tmp_path / "a" / "b" / "state.json"
    file.parent.mkdir(parents=True)
    with emulator_process("--state", str(file)) as base:
        disconnect_rosie(base)
        shutil.rmtree(tmp_path / "a")
    assert not is_rosie_connected(file)


def test_a_state_that_can_not_be_saved_is_kept_elsewhere(tmp_path: Path) -> None:
    """Exit code 1, and where it is instead."""
    folder, temporary = tmp_path / "folder", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        process = start("", "emulator", "--port", "0", "--state", folder / "state.json")
    disconnect_rosie(address_of(process))
    shutil.rmtree(folder)
    folder.write_text("a file in its place")
    process.send_signal(signal.SIGTERM)
    ended = end(process)
    [kept] = temporary.iterdir()
    assert (ended.code, f"The state is in {kept} instead." in ended.err) == (1, True)
    assert (is_rosie_connected(kept), kept.stat().st_mode & 0o777) == (False, 0o600)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/state.json", "No such file or directory"),
        ("folder", "is a directory"),
        ("pipe", "it is not a regular file"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_state_that_could_not_be_saved_is_told_at_the_start(name: str, reason: str, tmp_path: Path) -> None:
    """Exit code 2, before anything is served."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    ran = run("emulator", "--port", "0", "--state", str(tmp_path / name))
    assert (ran.code, ran.out, reason in ran.err) == (2, "", True)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "pipe"}


def test_two_emulators_do_not_keep_one_state(tmp_path: Path) -> None:
    """Each would save over the other's: the second one is told at the start."""
    file = str(tmp_path / "state.json")
    with emulator_process("--state", file):
        ran = run("emulator", "--port", "0", "--state", file)
    assert (ran.code, "another process is writing to it" in ran.err) == (2, True)


def test_an_empty_file_is_no_state_yet(tmp_path: Path) -> None:
    """As ``mktemp`` makes it: it is there to be saved to."""
    file = tmp_path / "state.json"
    file.touch()
    with emulator_process("--state", str(file)) as base:
        assert request_accounts(base, "rosie")[0] == 200
    assert is_rosie_connected(file)


def test_the_faults_are_not_written_over(tmp_path: Path) -> None:
    """Wrong usage."""
    file = tmp_path / "file.json"
    file.write_text("{}")
    ran = run("emulator", "--port", "0", "--faults", str(file), "--state", str(file))
    assert (ran.code, file.read_text()) == (2, "{}")


def test_under_nohup_it_outlives_the_terminal() -> None:
    """A signal that was ignored from the start stays so: SIGHUP does nothing, and SIGTERM ends it."""

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does

    process = start("http://127.0.0.1:1", "emulator", "--port", "0", preexec=ignore)
    base = address_of(process)
    process.send_signal(signal.SIGHUP)
    assert request_accounts(base, "rosie")[0] == 200
    process.terminate()
    assert end(process).code == 0


def test_it_says_what_is_asked_and_answered_and_when() -> None:
    """A line each, on standard error."""
    process = start("http://127.0.0.1:1", "emulator", "--port", "0", "--verbose")
    base = address_of(process)
    request_accounts(base, "rosie")
    process.terminate()
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET .+ 200\b.*\n", end(process).err)


def test_it_sends_a_redacted_reply(tmp_path: Path) -> None:
    """To the customer whom the start names, as it stands in the file; kept with the state."""
    saved, state = tmp_path / "redacted.json", tmp_path / "state.json"
    run("read", str(SAMPLES / "connected.json"), "--redact", "-o", str(saved))
    customer = json.loads(saved.read_bytes())["@id"].split("/")[-2]
    with emulator_process("--fixture", str(saved), "--state", str(state)) as base:
        assert request_accounts(base, customer) == (200, json.loads(saved.read_bytes())["imin:item"])
    with emulator_process("--state", str(state)) as base:
        assert request_accounts(base, customer)[0] == 200


def test_a_fixture_that_is_about_nobody_is_wrong_usage(tmp_path: Path) -> None:
    """Exit code 2 and the file's name, and nothing of what is in it."""
    file = tmp_path / "saved.json"
    file.write_text('{"name": "Rosie"}', encoding="utf-8")
    ran = run("emulator", "--fixture", str(file))
    assert ran.code == 2
    assert "names no customer" in ran.err
    assert "Rosie" not in ran.err


def received(listener: socket.socket) -> tuple[socket.socket, bytes]:
    """One request, and the connection that it came on: nobody has answered."""
    connection, _ = listener.accept()
    request = b""
    while not request.endswith(b"}"):
        request += connection.recv(4096)
    return connection, request


def post(base: str, name: str, **body: str) -> int:
    """The status of a POST to ``/_emulator/``."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc)
    connection.request("POST", f"/_emulator/{name}", json.dumps(body), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("source", ["empty variable", "environment", "file before environment"])
def test_it_notifies(source: str, tmp_path: Path) -> None:
    """With the key from a file or the environment; and it ends though the receiver never answers."""
    file, key = tmp_path / "key", "s3cret"
    if source == "empty variable":
        key = "test-notification-key"
    file.write_text(f"{key}\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.MonkeyPatch.context() as patch:
        options = ["--notify-url", f"http://127.0.0.1:{listener.getsockname()[1]}/hook"]
        if source.startswith("file"):
            options += ["--notify-key-file", str(file)]
        if source == "empty variable":
            patch.setenv("IMIN_NOTIFY_KEY", "")
        if source.endswith("environment"):
            patch.setenv("IMIN_NOTIFY_KEY", key if source == "environment" else "another")
        with emulator_process(*options) as base:
            assert post(base, "change-account", customer="rosie", seller=SELLER, access_pass="77") == 204
            connection, request = received(listener)
        connection.close()
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert f"X-Api-Key: {key}\r\n".encode() in head + b"\r\n"
    assert json.loads(body)["@id"] == f"{base}/api/v2/customer-accounts/rosie"


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        (["--notify-url", "hook"], "secret\n", "url must be an absolute http(s) URL"),
        (["--notify-url", "http://127.0.0.1/hook"], "", "key must be"),
        (["--notify-url", "http://127.0.0.1/hook"], "sec ret", "key must be"),
        ([], "secret", "--notify-key-file needs --notify-url"),
    ],
)
def test_a_notification_that_could_not_be_sent_is_wrong_usage(
    options: list[str], key: str, reason: str, tmp_path: Path
) -> None:
    """Exit code 2 before anything is served; the key is not repeated."""
    file = tmp_path / "key"
    file.write_text(key, encoding="utf-8")
    ran = run("emulator", "--port", "0", *options, "--notify-key-file", str(file))
    assert (ran.code, reason in ran.err, "sec" in ran.err) == (2, True, False)

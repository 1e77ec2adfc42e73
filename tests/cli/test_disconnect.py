"""``imin-accounts disconnect``: done, certain, or honest about not knowing."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from imin_accounts.fake import Drop, FakeImin, Rule, add_rosie
from tests.cli.commands import environment, run

ACME = "https://id.bookingsystem.example.com/organizers/1"
BROOK = "https://id.bookingsystem.example.com/organizers/2"


@pytest.fixture(autouse=True)
def rosie(fake_imin: FakeImin) -> None:
    """The emulated imin knows Rosie, who is connected with Acme Leisure Centre."""
    add_rosie(fake_imin)


def test_a_disconnection_is_confirmed(fake_imin: FakeImin, imin_server: str) -> None:
    """One DELETE, exit code 0, and the account is no longer connected."""
    ran = run("disconnect", "rosie", ACME, env=environment(imin_server))
    assert (ran.code, ran.out, ran.err) == (0, "Disconnected; imin confirmed it.\n", "")
    assert not fake_imin.disconnect("rosie", ACME), "it was still connected"


def test_a_lost_answer_is_verified(fake_imin: FakeImin, imin_server: str) -> None:
    """Where the answer to the DELETE is lost, it says that a re-read told."""
    fake_imin.faults.add(Rule(Drop(processed=True), endpoint="delete_seller_account", nth=1))
    ran = run("disconnect", "rosie", ACME, env=environment(imin_server))
    assert (ran.code, ran.out) == (0, "Disconnected; imin's answer was lost, and a re-read verified it.\n")


def test_json_says_how_it_is_certain(imin_server: str) -> None:
    """``--json`` prints the outcome and each attempt, and names nobody."""
    ran = run("disconnect", "rosie", ACME, "--json", env=environment(imin_server))
    said = json.loads(ran.out)
    assert said["outcome"] == "confirmed"
    assert [attempt["http.response.status_code"] for attempt in said["attempts"]] == [204]
    assert "rosie" not in ran.out


def test_an_account_that_is_not_connected_has_failed(imin_server: str) -> None:
    """Exit code 1: nothing was changed."""
    ran = run("disconnect", "rosie", BROOK, env=environment(imin_server))
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize(
    "signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name
)
def test_an_interrupted_disconnection_is_unknown(signum: signal.Signals) -> None:
    """Ctrl-C while the DELETE is out, or its like: exit code 3, since nobody can tell what became of it."""
    command = [sys.executable, "-m", "imin_accounts.cli", "disconnect", "1234", ACME]
    with socket.create_server(("127.0.0.1", 0)) as server:
        env = {**os.environ, **environment(f"http://127.0.0.1:{server.getsockname()[1]}")}
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = server.accept()
            assert connection.recv(6) == b"DELETE"
            process.send_signal(signum)
            told = process.communicate()[1]
            connection.close()
    assert process.returncode == 3
    assert told == (
        "Error: the account may or may not be disconnected (interrupted). "
        "List the accounts later: only that can tell.\n"
    )


@pytest.mark.parametrize(
    "signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name
)
def test_a_signal_after_the_answer_changes_nothing(imin_server: str, signum: signal.Signals) -> None:
    """Once it is known, the exit code says so, however often the process is told to end."""
    command = [sys.executable, "-u", "-m", "imin_accounts.cli", "disconnect", "rosie", ACME]
    env = {**os.environ, **environment(imin_server)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Disconnected; imin confirmed it.\n"
        while process.poll() is None:
            process.send_signal(signum)
    assert process.returncode == 0

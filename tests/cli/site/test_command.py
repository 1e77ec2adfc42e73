"""``imin-accounts demo --serve``."""

import signal
import socket
import subprocess
import sys

import httpx

from tests.cli.commands import run


def test_the_command_serves_until_interrupted() -> None:
    """It prints the address, and ends well with the interrupt."""
    command = [sys.executable, "-m", "imin_accounts.cli", "demo", "--serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].split()[0]
        page = httpx.get(address).text
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert "Rosie's connections" in page


def test_the_command_says_that_a_port_is_taken() -> None:
    """Exit code 1, and which port it is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("demo", "--serve", "--port", str(port))
    assert (ran.code, f"can't listen on 127.0.0.1:{port}" in ran.err) == (1, True)

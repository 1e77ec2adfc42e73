"""The command itself: help, version, the key, exit codes, what it needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import imin_accounts
from imin_accounts import (
    AuthenticationError,
    DeadlineExceeded,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SessionStateError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.cli import main
from imin_accounts.cli._exit_codes import explain
from imin_accounts.cli._install import install_command
from imin_accounts.cli._main import COMMANDS
from imin_accounts.errors import Attempt
from imin_accounts.fake import FakeImin, add_rosie
from tests import canaries
from tests.cli.commands import environment, run
from tests.ports import free_port

WITHOUT = "import sys; sys.modules[{!r}] = None; from imin_accounts.cli import main; sys.exit(main(['demo']))"
VERSION = """
import sys
from imin_accounts.cli import main
try:
    main(["--version"])
except SystemExit:
    sys.exit(bool({"aiohttp", "attrs", "rich"} & {*sys.modules}))
"""


def answered_late() -> DeadlineExceeded:
    """A deadline that passed after imin had answered with an error."""
    error = DeadlineExceeded(1.0, maybe_sent=True)
    error.attempts = (Attempt(method="GET", url_template="", resend_count=0, status=503),)
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(SessionStateError(), 1, id="session state"),
        pytest.param(ResponseError(503), 1, id="error status"),
        pytest.param(NotFound(404), 1, id="not found"),
        pytest.param(RateLimited(429), 1, id="rate limited"),
        pytest.param(UnexpectedResponse(""), 1, id="undocumented"),
        pytest.param(DecodeError(), 1, id="unreadable"),
        pytest.param(WrongCustomer(""), 1, id="wrong customer"),
        pytest.param(answered_late(), 1, id="errors until the deadline"),
        pytest.param(InvalidRequest(), 2, id="argument"),
        pytest.param(OutcomeUnknown("timeout"), 3, id="outcome unknown"),
        pytest.param(AuthenticationError(401), 4, id="key"),
        pytest.param(AuthenticationError(403), 4, id="not allowed"),
        pytest.param(TransportError("refused", maybe_sent=False), 5, id="no reply"),
        pytest.param(DeadlineExceeded(1.0, maybe_sent=True), 5, id="no reply in time"),
    ],
)
def test_each_error_has_its_exit_code(error: IminError, code: int) -> None:
    """Errors map to the documented exit codes, and the text holds what the error says."""
    assert explain(error)[0] == code
    assert str(error) in explain(error)[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """``--help`` lists the command, and the command has a help of its own."""
    assert f"\n  {command} " in run("--help").out
    ran = run(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: imin-accounts {command} [OPTIONS]")


def test_help_lists_the_exit_codes() -> None:
    """Whoever writes a script finds the exit codes in ``--help``."""
    told = run("--help").out.partition("Exit codes:\n")[2]
    assert [line[4] for line in told.splitlines() if line[4:5].strip()] == list("0123456")


def test_version_loads_neither_the_client_nor_the_tables() -> None:
    """``--version`` is quick: it imports no aiohttp, no attrs and no rich."""
    run = subprocess.run([sys.executable, "-c", VERSION], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, f"imin-accounts {imin_accounts.__version__}\n")


@pytest.mark.parametrize("module", ["click", "rich"])
def test_without_its_extra_it_prints_the_line_that_installs_it(module: str) -> None:
    """No traceback where the extra is not installed: one line, on standard error, and exit code 1."""
    code = WITHOUT.format(module)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == f"imin-accounts needs its extra: {install_command('cli')}\n"


def test_main_ends_with_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """The installed script exits with what the command came to."""
    with pytest.raises(SystemExit) as ended:
        main(["no-such-command"])
    assert ended.value.code == 2
    assert "No such command" in capsys.readouterr().err


@pytest.mark.parametrize("env", [{}, {"IMIN_API_KEY": "a", "IMIN_API_KEY_FILE": "b"}], ids=["none", "two"])
def test_there_must_be_one_key(env: dict[str, str]) -> None:
    """Without a key, or with two, nothing is sent, and the text names the variables."""
    ran = run("accounts", "1234", env=env)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == "Error: set one of IMIN_API_KEY and IMIN_API_KEY_FILE.\n"


def test_there_is_no_option_for_the_key_itself() -> None:
    """A key on the command line could be read by others on the machine, so it is refused there."""
    assert run("--api-key", "test-key", "accounts", "1234").code == 2


@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after it"])
def test_connection_options_may_stand_before_and_after_the_command(
    before: bool, fake_imin: FakeImin, imin_server: str, tmp_path: Path
) -> None:
    """The key file wins over a wrong key in the environment, wherever the options stand."""
    add_rosie(fake_imin)
    file = tmp_path / "key"
    file.write_text("test-key\n")
    options = ["--api-key-file", str(file), "--base-url", imin_server, "--timeout", "20"]
    arguments = [*options, "accounts", "rosie"] if before else ["accounts", *options, "rosie"]
    env = {"IMIN_API_KEY": "wrong", "IMIN_BASE_URL": "https://nowhere.invalid"}
    assert run(*arguments, env=env).code == 0


def test_the_base_url_of_the_environment_holds_for_a_key_file_too(imin_server: str, tmp_path: Path) -> None:
    """``IMIN_BASE_URL`` says where the API is, wherever the key comes from."""
    file = tmp_path / "key"
    file.write_text("wrong")
    assert run("--api-key-file", str(file), "accounts", "1", env={"IMIN_BASE_URL": imin_server}).code == 4


@pytest.mark.parametrize("key", [b"", b"\xff\xfe", b"a b"], ids=["empty", "not text", "a space"])
def test_a_bad_key_file_is_not_authorised(key: bytes, tmp_path: Path) -> None:
    """What can't be a key is refused before anything is sent."""
    file = tmp_path / "key"
    file.write_bytes(key)
    ran = run("--api-key-file", str(file), "accounts", "1234")
    assert (ran.code, ran.err.startswith("Error: the API key ")) == (4, True)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_timeout_is_positive_and_finite(seconds: str) -> None:
    """Anything else is wrong usage."""
    ran = run("--timeout", seconds, "accounts", "1234", env={"IMIN_API_KEY": "test-key"})
    assert (ran.code, ran.err) == (2, "Error: timeout must be a positive, finite number of seconds.\n")


def test_a_refused_key_is_not_authorised_and_not_shown(imin_server: str) -> None:
    """Exit code 4, and neither key nor customer in the text."""
    env = {"IMIN_API_KEY": canaries.KEY, "IMIN_BASE_URL": imin_server}
    ran = run("accounts", canaries.CUSTOMER, env=env)
    assert (ran.code, ran.out, canaries.leaks(ran)) == (4, "", [])
    assert ran.err == "Error: imin answered 401. Check the API key.\n"


def test_nobody_there_is_unreachable() -> None:
    """Exit code 5 where nothing listens."""
    ran = run("--timeout", "0.02", "accounts", "1234", env=environment(f"http://127.0.0.1:{free_port()}"))
    assert (ran.code, ran.out) == (5, "")


def test_a_missing_key_is_told_as_such_in_json() -> None:
    """It is the key, not the identifier, that can't be sent."""
    ran = run("accounts", "1", "--json", env={})
    assert (ran.code, json.loads(ran.out)["failures"][0]["kind"]) == (4, "key")


@pytest.mark.parametrize("command", [["accounts", "1"], ["doctor"]], ids=["accounts", "doctor"])
def test_the_advice_is_for_the_command_line(command: list[str]) -> None:
    """It names the option, not the library's argument."""
    ran = run("--base-url", "http://no-such-host.invalid", *command, env={"IMIN_API_KEY": "test-key"})
    told = ran.out + ran.err
    assert ran.code == 2
    assert "--insecure-http" in told
    assert "insecure_http" not in told


@pytest.mark.parametrize("where", ["before", "after"])
def test_an_address_without_tls_may_be_let(where: str) -> None:
    """By an option of its own, before or after the command's name: then the request is tried."""
    options = ["--insecure-http", "--timeout", "0.02", "--base-url", "http://192.0.2.1:9"]
    arguments = [*options, "accounts", "1"] if where == "before" else ["accounts", *options, "1"]
    assert run(*arguments, env={"IMIN_API_KEY": "test-key"}).code == 5

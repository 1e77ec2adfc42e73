"""What the environment says of a session, in the one place that reads it."""

from pathlib import Path
from typing import Any

import pytest

from imin_accounts.errors import InvalidRequest
from imin_accounts.session import AccountsSession
from tests.cli.commands import run

KEY = {"IMIN_API_KEY": "secret"}


def base_url_of(session: AccountsSession) -> str:
    return session._base_url


def test_an_empty_base_url_is_as_if_it_were_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable of a compose file arrives as an empty one."""
    monkeypatch.setenv("IMIN_API_KEY", "secret")
    monkeypatch.setenv("IMIN_BASE_URL", "")
    assert base_url_of(AccountsSession.from_env()) == "https://book.imin.co"


@pytest.mark.parametrize(
    "env",
    [
        {"IMIN_API_KEY": "secret", "IMIN_API_KEY_FILE": ""},
        {"IMIN_API_KEY": "", "IMIN_API_KEY_FILE": __file__.removesuffix(".py")},
    ],
    ids=["file", "key"],
)
def test_an_empty_key_is_as_if_it_were_not_set(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """So the other one of the two is taken: the error, if any, is about that one."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    if env["IMIN_API_KEY"]:
        AccountsSession.from_env()
    else:
        with pytest.raises(InvalidRequest, match="can't be read"):
            AccountsSession.from_env()


def test_a_key_that_is_passed_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody looks at the environment's: not even two of them are an error."""
    monkeypatch.setenv("IMIN_API_KEY", "one")
    monkeypatch.setenv("IMIN_API_KEY_FILE", "another")
    monkeypatch.setenv("IMIN_BASE_URL", "https://gateway.example")
    assert base_url_of(AccountsSession.from_env(api_key="passed")) == "https://gateway.example"
    with pytest.raises(InvalidRequest, match="one of"):
        AccountsSession.from_env()


@pytest.mark.parametrize("key_from", ["environment", "file"])
def test_the_command_reads_it_alike(key_from: str, tmp_path: Path) -> None:
    """Wherever its key comes from, an unusable base URL is refused, and an empty one is not."""
    file = tmp_path / "key"
    file.write_text("secret")
    options = ["--api-key-file", str(file)] if key_from == "file" else []
    env = {} if key_from == "file" else KEY
    ran = run(*options, "accounts", "..", env={**env, "IMIN_BASE_URL": "ftp://imin"})
    assert (ran.code, "base_url" in ran.err) == (2, True)
    ran = run(*options, "accounts", "..", env={**env, "IMIN_BASE_URL": ""})
    assert (ran.code, "base_url" in ran.err) == (2, False)


@pytest.mark.parametrize(
    ("value", "passed", "allowed"), [("1", None, True), ("1", False, False), ("0", True, True)]
)
def test_insecure_http(
    value: str, passed: bool | None, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``IMIN_INSECURE_HTTP=1`` is ``insecure_http=True``, unless something is passed."""
    monkeypatch.setenv("IMIN_API_KEY", "secret")
    monkeypatch.setenv("IMIN_BASE_URL", "http://emulator:8080")
    monkeypatch.setenv("IMIN_INSECURE_HTTP", value)
    options: Any = {} if passed is None else {"insecure_http": passed}
    if allowed:
        assert base_url_of(AccountsSession.from_env(**options)) == "http://emulator:8080"
    else:
        with pytest.raises(InvalidRequest, match="https"):
            AccountsSession.from_env(**options)


@pytest.mark.parametrize("value", ["", "0", "yes", "true", " 1", "2"])
def test_insecure_http_is_1_and_nothing_else(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty and 0 are as if it were not set; anything else is refused by name, whatever the URL."""
    monkeypatch.setenv("IMIN_API_KEY", "secret")
    monkeypatch.setenv("IMIN_INSECURE_HTTP", value)
    reason = "IMIN_INSECURE_HTTP"
    if value in ("", "0"):
        reason = "base_url must be https"
        assert base_url_of(AccountsSession.from_env()) == "https://book.imin.co"
        monkeypatch.setenv("IMIN_BASE_URL", "http://emulator:8080")
    with pytest.raises(InvalidRequest, match=reason):
        AccountsSession.from_env()


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_command_has_an_option_for_it(place: str) -> None:
    """Before or after a command's name; without it nothing is sent."""
    options = ("--base-url", "http://emulator:8080")
    before, after = ("--insecure-http",) * (place == "before"), ("--insecure-http",) * (place == "after")
    ran = run(*options, *before, "accounts", "..", *after, env=KEY)
    assert (ran.code, "customer must not" in ran.err) == (2, True)
    assert "--insecure-http" in run(*options, "accounts", "..", env=KEY).err
    assert "https" in run("--base-url", "http://imin.co", "--insecure-http", "accounts", "1", env=KEY).err


def test_a_session_says_where_the_api_is() -> None:
    """Without a slash at the end, so that two of the same place are equal."""
    assert AccountsSession("secret", base_url="https://gateway.example/imin/").base_url == (
        "https://gateway.example/imin"
    )

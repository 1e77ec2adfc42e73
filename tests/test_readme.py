"""The README: its code runs, its output is what it says, its commands are the ones that CI runs."""

import re
import subprocess
import sys
from typing import Any

import orjson
import pytest

import imin_accounts
from imin_accounts import IminError
from imin_accounts.transports import Response
from tests.paths import ROOT
from tests.scripted import ScriptedTransport

README = (ROOT / "README.md").read_text(encoding="utf-8")
ACME = "https://id.bookingsystem.example.com/organizers/1"


def blocks(language: str) -> list[str]:
    """The code blocks of ``language``, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_first_screen_prints_what_it_says() -> None:
    """The first code block, saved and run, prints the block below it."""
    run = [sys.executable, "-X", "utf8", "-c", blocks("python")[0]]
    assert subprocess.run(run, capture_output=True, check=True).stdout.decode() == blocks("text")[0]


ACCOUNTS: dict[str, Any] = {
    "linked, no date": {"seller": {"@id": ACME}, "hiddenEntitlements": False},
    "linked, an odd date": {"seller": {"@id": ACME}, "dateLinked": "yesterday"},
    "a seller without a name": {"seller": ACME, "imin:matchingEmailExists": True},
    "no account, no links": {"seller": {"@id": ACME}, "imin:matchingEmailExists": False},
    "unreadable": {"seller": 5},
}


@pytest.mark.parametrize("item", ACCOUNTS.values(), ids=ACCOUNTS)
async def test_the_first_screen_takes_whatever_imin_sends(
    item: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its loop ends well on an account of any state, whatever is missing."""
    body = orjson.dumps({"@id": "/customers/rosie/accounts", "imin:item": [item]})
    transport = ScriptedTransport([Response(status=200, headers={}, body=body)])
    source = blocks("python")[0].replace("transport=imin", "transport=transport")
    names: dict[str, Any] = {"transport": transport}
    exec(compile(source.replace("asyncio.run(main())", ""), "README.md", "exec"), names)
    await names["main"]()
    assert capsys.readouterr().out.count("\n") == (item["seller"] != 5)


def test_the_example_of_a_test_is_short() -> None:
    """A first test of somebody's own code takes less than ten lines; tests/docs runs it."""
    example = next(block for block in blocks("python") if block.startswith("# test_broker.py"))
    assert example.partition("@pytest.mark.asyncio")[2].count("\n") < 10


def test_ci_runs_the_command_that_the_readme_gives_for_testing() -> None:
    """The two commands of the first screen are there, and what CI runs is the second of them."""
    first, second = blocks("sh")[0].splitlines()
    assert first.startswith("python3 -m venv .venv && ")
    assert first.endswith(" && .venv/bin/imin-accounts demo")
    assert second == ".venv/bin/python -m pytest"
    assert 'PYTEST = ("python", "-m", "pytest", ' in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def test_every_error_is_explained() -> None:
    """The table of errors has a row or a mention for every error that the package exports."""
    section = README.partition("## When it goes wrong")[2].partition("\n## ")[0]
    exported = [name for name in imin_accounts.__all__ if _is_error(getattr(imin_accounts, name))]
    assert [name for name in exported if f"`{name}`" not in section] == []


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, IminError)

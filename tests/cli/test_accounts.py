"""``imin-accounts accounts``: the table, the links, JSON, and what could not be read."""

import json
import re

import pytest

from imin_accounts import from_jsonld
from imin_accounts.cli._site.scripted_browser import open_page
from imin_accounts.fake import Drift, Drifted, FakeImin, Rule, add_rosie
from tests.cli.commands import environment, run

SELLER = "https://id.bookingsystem.example.com/organizers"


@pytest.fixture(autouse=True)
def rosie(fake_imin: FakeImin) -> None:
    """The emulated imin knows Rosie, who has a seller in each of the three states."""
    add_rosie(fake_imin)


def cells(out: str) -> list[list[str]]:
    """The table's lines, each as what stands in its columns."""
    return [re.split(r"\s{2,}", line.strip()) for line in out.splitlines() if line.strip()]


def test_each_seller_is_listed_with_its_state_and_identifier(imin_server: str) -> None:
    """Name and state in a line, below them the identifier that ``disconnect`` takes and what to know."""
    ran = run("accounts", "rosie", env=environment(imin_server))
    assert (ran.code, ran.err) == (0, "")
    assert cells(ran.out)[2:] == [
        ["Acme Leisure Centre", "connected"],
        [f"{SELLER}/1", "since 2021-01-27"],
        ["entitlement error: 1"],
        ["Brook Street Pool", "unconnected"],
        [f"{SELLER}/2"],
        ["Castle Climbing", "no account"],
        [f"{SELLER}/3"],
    ]


def test_outstanding_proof_is_counted(fake_imin: FakeImin, imin_server: str) -> None:
    """An evidence request that is not completed shows in the table."""
    fake_imin.connect(
        "1234", f"{SELLER}/1", evidence=[{"@id": "a", "evidenceRequest": {"url": "https://a/"}}]
    )
    out = run("accounts", "1234", env=environment(imin_server)).out
    assert ["proof outstanding: 1"] in cells(out)


@pytest.mark.parametrize(
    ("label", "heading"), [("log in and connect", "Log in to "), ("join and connect", "Join ")]
)
def test_links_are_given_whole_where_asked_for(label: str, heading: str, imin_server: str) -> None:
    """With ``--redirect-uri`` each account that is not connected shows both links, each for its purpose."""
    out = run(
        "accounts", "rosie", "--redirect-uri", "https://broker.example/", env=environment(imin_server)
    ).out
    links = re.findall(rf"^{label} +(\S+)$", out, re.MULTILINE)
    assert re.findall(r"^(?:Acme Leisure Centre|Brook Street Pool|Castle Climbing)$", out, re.MULTILINE) == [
        "Brook Street Pool",
        "Castle Climbing",
    ]
    pages = [open_page(str(open_page(link).location)) for link in links]
    assert [page.form.heading for page in pages] == [
        f"{heading}Brook Street Pool",
        f"{heading}Castle Climbing",
    ]


def test_nothing_is_folded_in_a_pipe(fake_imin: FakeImin, imin_server: str) -> None:
    """What another program searches stays in one line, however long."""
    fake_imin.add_seller(f"{SELLER}/{'4' * 200}")
    assert f"{SELLER}/{'4' * 200}" in run("accounts", "rosie", env=environment(imin_server)).out


def test_without_a_redirect_uri_there_are_no_links(imin_server: str) -> None:
    """imin gives links only for a place to come back to."""
    assert "jwt=" not in run("accounts", "rosie", env=environment(imin_server)).out


def test_json_is_the_reply_and_nothing_else(fake_imin: FakeImin, imin_server: str) -> None:
    """``--json`` prints imin's reply in ASCII, and ``read`` takes it."""
    fake_imin.add_seller(f"{SELLER}/4", name="Pwll Nofio Tŷ \x9b31m")
    ran = run("accounts", "rosie", "--json", env=environment(imin_server))
    accounts = from_jsonld(ran.out.encode("ascii"))
    assert (ran.code, ran.err, len(accounts)) == (0, "", 4)
    assert json.loads(run("read", "-", "--json", stdin=ran.out).out)["accounts"] == json.loads(ran.out)


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "JSON"])
def test_what_could_not_be_read_is_told_and_changes_the_exit_code(
    options: tuple[str, ...], fake_imin: FakeImin, imin_server: str
) -> None:
    """The rest is shown, the problems go to standard error, and the exit code says partly done."""
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES)))
    ran = run("accounts", "rosie", *options, env=environment(imin_server))
    assert ran.code == 3
    assert "Acme Leisure Centre" in ran.out
    assert all(line.startswith("Problem: $['imin:item'][") for line in ran.err.splitlines())
    assert ran.err


def test_a_redirect_uri_that_can_not_be_sent_is_wrong_usage(imin_server: str) -> None:
    """Plain http to another machine is refused before anything is sent."""
    ran = run("accounts", "rosie", "--redirect-uri", "http://broker.example/", env=environment(imin_server))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: redirect_uri must be https")


def test_an_unknown_customer_has_failed(imin_server: str) -> None:
    """Exit code 1, and the text says what it may be."""
    ran = run("accounts", "nobody", env=environment(imin_server))
    assert (ran.code, ran.out) == (1, "")
    told = "Error: imin answered 404: no such customer, or no such account."
    assert ran.err == f"{told} Check both, and the address asked.\n"


def test_a_failure_is_told_in_json_too(imin_server: str) -> None:
    """By name and kind, for a program that does not read standard error."""
    ran = run("accounts", "nobody", "--json", env=environment(imin_server))
    [failure] = json.loads(ran.out)["failures"]
    assert (failure["customer"], failure["kind"], failure["status"]) == ("nobody", "unknown customer", 404)


def test_nothing_of_a_reply_steers_the_terminal(fake_imin: FakeImin, imin_server: str) -> None:
    """Control characters, bidirectional overrides and rich's markup show as text."""
    fake_imin.add_seller(f"{SELLER}/1", name="\x1b]0;owned\x07 [red]A\u202eB\n")
    out = run("accounts", "rosie", env=environment(imin_server)).out
    assert r"\x1b]0;owned\x07 [red]A\u202eB\n" in out
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize(
    ("env", "coloured"),
    [pytest.param({}, True, id="a terminal"), pytest.param({"NO_COLOR": "1"}, False, id="NO_COLOR")],
)
def test_no_color_is_honoured(env: dict[str, str], coloured: bool, imin_server: str) -> None:
    """States are coloured in a terminal, unless the environment says ``NO_COLOR``."""
    env = {**environment(imin_server), "FORCE_COLOR": "1", "TERM": "xterm", **env}
    assert ("\x1b[32mconnected" in run("accounts", "rosie", env=env).out) is coloured

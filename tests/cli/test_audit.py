"""What an audit finds, on the terminal, as JSON and in an exported file."""

import json
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from imin_accounts import Fetched, from_jsonld
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._export.text import JsonLines
from imin_accounts.cli.rows import rows_of
from imin_accounts.fake import Drift, Drifted, FakeImin, Rule, Status
from tests.cli.commands import CommandResult, environment, run
from tests.cli.emulator_process import emulator_process
from tests.cli.people import NOW, add_people, conflict, entitlement
from tests.cli.processes import start, write_ids
from tests.cli.rows import error_rows
from tests.length import LONG

CUSTOMERS = 10_000 if LONG else 60


def audited(*items: dict[str, Any], within: timedelta = timedelta(days=30)) -> Audit:
    """What an audit finds at one customer with these items."""
    audit = Audit(now=NOW, within=within)
    accounts = from_jsonld({"@type": "imin:Collection", "imin:item": list(items)})
    audit.add(rows_of(Fetched("1234", accounts), NOW))
    return audit


def connected(**members: Any) -> dict[str, Any]:
    """A connected account."""
    seller = {"@id": "urn:1", "name": "Acme"}
    return {"@type": "Account", "seller": seller, "hiddenEntitlements": False, **members}


@pytest.mark.parametrize(
    ("ends", "expiring", "ended"),
    [
        pytest.param(timedelta(0), 1, 0, id="now"),
        pytest.param(timedelta(days=30), 1, 0, id="just within"),
        pytest.param(timedelta(days=30, seconds=1), 0, 0, id="just after"),
        pytest.param(timedelta(seconds=-1), 0, 1, id="just over"),
    ],
)
def test_what_ends_in_time_is_told(ends: timedelta, expiring: int, ended: int) -> None:
    """From now to the end of the time asked for, both included."""
    audit = audited(connected(entitlement=[entitlement("1", ends=NOW + ends)]))
    assert (len(audit.expiring), audit.ended) == (expiring, ended)


def test_ends_are_counted_by_the_weeks_monday() -> None:
    """From this week on, for a quarter of a year, empty weeks included."""
    ends = (NOW, NOW + timedelta(days=4, hours=11), NOW + timedelta(days=5), NOW + timedelta(days=7 * 40))
    audit = audited(connected(entitlement=[entitlement(str(n), ends=end) for n, end in enumerate(ends)]))
    assert [(week.isoformat(), count) for week, count in audit.weeks][:3] == [
        ("2026-03-02", 2),
        ("2026-03-09", 1),
        ("2026-03-16", 0),
    ]
    assert (len(audit.weeks), sum(count for _, count in audit.weeks)) == (13, 3)


@pytest.mark.parametrize(("days", "weeks"), [(7, 13), (100, 15), (9999, 53)])
def test_as_many_weeks_are_counted_as_were_asked_for(days: int, weeks: int) -> None:
    """At least a quarter of a year, at most a year."""
    assert len(audited(within=timedelta(days=days)).weeks) == weeks


def test_findings_say_whose_they_are() -> None:
    """Customer, seller, what, status, when: enough to look after it."""
    audit = audited(
        connected(
            entitlement=[entitlement("1", ends=NOW, label="Carer")],
            **{"imin:evidenceRequests": [entitlement("2", proof="Failed")]},
            **{"imin:entitlementUpdateErrors": [conflict("No")]},
        ),
        {"@type": "Account", "seller": {"@id": "urn:2"}, "imin:matchingEmailExists": 1},
    )
    said = audit.as_json()
    who = {"customer": "1234", "seller_id": "urn:1", "seller_name": "Acme"}
    link_ends = "2026-03-13T12:00:00Z"
    assert said["expiring"] == [{**who, "what": "Carer", "status": "", "when": "2026-03-04T12:00:00Z"}]
    assert said["outstanding"] == [{**who, "what": "Over 65", "status": "failed", "when": link_ends}]
    assert said["update_errors"] == [{**who, "what": "No", "status": "EntitlementConflict", "when": None}]
    [odd] = said["unrecognised"]
    assert odd["seller_id"] == "urn:2"
    assert "matchingEmailExists" in odd["what"]


def test_what_is_most_urgent_comes_first() -> None:
    """By the end."""
    ends = [NOW + timedelta(days=day) for day in (9, 3, 6)]
    audit = audited(connected(entitlement=[entitlement(str(n), ends=end) for n, end in enumerate(ends)]))
    told = [finding["when"] for finding in audit.as_json()["expiring"]]
    assert told == sorted(told)


def test_customers_who_could_not_be_read_are_not_in_the_figures() -> None:
    """They are counted by what went wrong."""
    audit = audited()
    audit.add(error_rows())
    assert audit.as_json()["customers"] == {
        "read": 1, "without_sellers": 1, "failed": 1, "errors": {"InvalidRequest": 1},
    }  # fmt: skip


# --- The command --------------------------------------------------------------------------------------


@pytest.fixture
def ids(fake_imin: FakeImin, tmp_path: Path) -> str:
    """A file of customers with everything that there is to find; two of them can't be read."""
    add_people(fake_imin, customers=CUSTOMERS, now=datetime.now(UTC))
    fake_imin.faults.add(Rule(Status(404), customer="customer-2"), Rule(Status(404), customer="customer-3"))
    return str(write_ids(tmp_path / "ids.txt", CUSTOMERS))


def audit(base_url: str, source: str, *options: str) -> CommandResult:
    """Run the command."""
    return run("audit", source, *options, env=environment(base_url))


def known(fake: FakeImin) -> Counter[str]:
    """What the emulated imin knows of the customers who can be read."""
    figures = Counter[str]()
    soon = datetime.now(UTC) + timedelta(days=30)
    for (customer, seller), connection in fake.population.connections.items():
        if customer not in ("customer-2", "customer-3"):
            figures[f"connected with {seller}"] += 1
            figures["update errors"] += len(connection.update_errors)
            ends = [datetime.fromisoformat(node["expires"]) for node in connection.entitlements]
            figures["expiring"] += sum(end <= soon for end in ends)
            for node in connection.evidence:
                status = node["evidenceRequest"]["actionStatus"].removeprefix("https://schema.org/")
                figures[status.removesuffix("ActionStatus").lower()] += 1
    return +figures


def found(said: dict[str, Any]) -> Counter[str]:
    """The same figures, of an audit."""
    figures = Counter({f"connected with {seller['id']}": seller["connected"] for seller in said["sellers"]})
    figures += Counter({"update errors": len(said["update_errors"]), "expiring": len(said["expiring"])})
    return figures + Counter(said["evidence"])


def test_an_audit_finds_what_there_is(ids: str, imin_server: str, fake_imin: FakeImin) -> None:
    """Exactly what the emulated imin knows; exit code 3, since two customers could not be read."""
    ran = audit(imin_server, ids, "--json")
    said = json.loads(ran.out)
    print(f"audit of {CUSTOMERS:,} customers: {dict(found(said))}")
    assert (ran.code, said["customers"]["errors"]) == (3, {"NotFound": 2})
    assert found(said) == known(fake_imin)
    assert len(said["outstanding"]) == sum(said["evidence"].values()) - said["evidence"]["completed"]


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite"])
def test_an_exported_file_is_audited_alike(
    name: str, ids: str, tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """With the same figures, without a key, and without asking imin anything."""
    out = tmp_path / name
    run("export", ids, "-o", str(out), env=environment(imin_server))
    sent = len(fake_imin.requests)
    ran = run("audit", str(out), "--json")
    assert ran.code == 3
    assert found(json.loads(ran.out)) == known(fake_imin)
    assert len(fake_imin.requests) == sent


def test_a_limit_audits_the_first_few(ids: str, imin_server: str) -> None:
    """To try it out."""
    assert json.loads(audit(imin_server, ids, "--limit", "1", "--json").out)["customers"]["read"] == 1


def test_an_interrupted_audit_shows_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, and how many are missing."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    count = 300
    with emulator_process(customers=count) as imin:
        imin.hold(after=100)
        process = start(imin.base_url, "audit", write_ids(tmp_path / "ids.txt", count), "--json")
        ended = imin.signal_at(11, process, signal.SIGINT)
    read = json.loads(ended.out)["customers"]["read"]
    assert (ended.code, read > 10) == (3, True)
    assert f"Interrupted: {count - read} customers were not asked for." in ended.err


def test_the_terminal_shows_tables(ids: str, imin_server: str) -> None:
    """Figures first, then the most urgent of what was found, and where to find the rest."""
    told = audit(imin_server, ids, "--within", "20w").out
    assert f"{CUSTOMERS - 2:,} customers read" in told
    assert "2 customers could not be read (NotFound 2)" in told
    for title in (
        "Accounts per seller",
        "Entitlements ending per week",
        "Proof asked for",
        "Proof outstanding",
    ):
        assert title in told
    assert "the first 20 of" in told
    assert "Items not recognised: none" in told


def test_an_item_that_can_not_be_read_is_told(ids: str, imin_server: str, fake_imin: FakeImin) -> None:
    """With whose it is and where in the reply the trouble is."""
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES), customer="customer-4"))
    unrecognised = json.loads(audit(imin_server, ids, "--json").out)["unrecognised"]
    assert {item["customer"] for item in unrecognised} == {"customer-4"}
    assert all("$['imin:item']" in item["what"] for item in unrecognised)


def test_nothing_in_a_reply_steers_the_terminal(
    tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """A seller's name with escape sequences is shown as text."""
    fake_imin.add_seller("urn:1", name="\x1b[2JAcme")
    fake_imin.add_customer("customer-1")
    told = audit(imin_server, str(write_ids(tmp_path / "ids.txt", 1))).out
    assert "\x1b" not in told
    assert "\\x1b[2JAcme" in told


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        pytest.param("ids.txt", ["--within", "soon"], "expected days, weeks or hours", id="no time"),
        pytest.param("out.jsonl", ["--limit", "3"], "for a file of identifiers", id="limit of an export"),
        pytest.param("no.txt", [], "does not exist", id="no file"),
    ],
)
def test_wrong_usage_is_told(source: str, options: list[str], told: str, tmp_path: Path) -> None:
    """Exit code 2."""
    for name in ("ids.txt", "out.jsonl"):
        (tmp_path / name).touch()
    ran = run("audit", str(tmp_path / source), *options)
    assert ran.code == 2
    assert told in ran.err


def test_a_report_is_not_written_over_what_is_read(tmp_path: Path) -> None:
    """Wrong usage, and the export stays."""
    source = tmp_path / "out.jsonl"
    source.write_bytes(JsonLines().write(error_rows()))
    ran = run("audit", str(source), "--report", f"{tmp_path}/./out.jsonl")
    assert (ran.code, "--report" in ran.err) == (2, True)
    assert source.read_bytes() == JsonLines().write(error_rows())


def test_a_report_is_not_written_over_the_key(tmp_path: Path) -> None:
    """Wrong usage as well."""
    ids, key = tmp_path / "ids.txt", tmp_path / "key"
    ids.touch()
    key.write_text("test-key")
    ran = run("audit", str(ids), "--api-key-file", str(key), "--report", str(key))
    assert (ran.code, key.read_text()) == (2, "test-key")


def test_a_report_is_for_its_owner_only(tmp_path: Path) -> None:
    """Even where others could read the old one."""
    source, report = tmp_path / "out.jsonl", tmp_path / "audit.html"
    source.write_bytes(JsonLines().write(error_rows()))
    report.touch()
    report.chmod(0o644)
    run("audit", str(source), "--report", str(report))
    assert report.stat().st_mode & 0o777 == 0o600

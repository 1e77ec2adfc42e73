"""``imin-accounts changes OLD NEW``: two exports compared, and nothing told that they don't tell."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imin_accounts import AccountsSession, Fetched, RetryPolicy, from_jsonld
from imin_accounts.cli._changes.replies import changes_of_rows
from imin_accounts.cli._export.parquet import write_parquet
from imin_accounts.cli._export.sinks import open_sink
from imin_accounts.cli.rows import Row, rows_of
from imin_accounts.fake import Drop, FakeImin, Malformed, Rule, Status
from imin_accounts.models import ActionStatus
from tests.cli.commands import CommandResult, run
from tests.cli.people import conflict, entitlement
from tests.cli.rows import AT
from tests.fake.requests import Clock

ACME, BROOK = "https://sellers.example.com/1", "https://sellers.example.com/2"
parquet = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed: extra [parquet]")
FORMATS = ["jsonl", "csv", "sqlite", pytest.param("parquet", marks=parquet)]


@pytest.fixture
def imin() -> FakeImin:
    """Two sellers, and three customers with an account at the first."""
    fake = FakeImin(seed=1, clock=Clock())
    fake.add_seller(ACME, name="Acme")
    fake.add_seller(BROOK, name="Brook")
    for customer in "abc":
        fake.add_customer(customer, email=f"{customer}@example.com")
        fake.connect(
            customer,
            ACME,
            access_pass="1",
            entitlements=[entitlement("held"), entitlement("both")],
            evidence=[entitlement("both", proof="Active"), entitlement("asked", proof="Potential")],
            update_errors=[conflict()],
        )
    return fake


def exported(fake: FakeImin, path: Path, customers: str = "abc", *, shuffle: int = 0) -> Path:
    """An export of these customers as they are now."""
    rows: list[list[Row]] = asyncio.run(read(fake, customers))
    Random(shuffle).shuffle(rows)
    if path.suffix == ".parquet":
        write_parquet(path, rows)
        return path
    sink = open_sink(path)
    list(sink.resume(retry_failed=False))
    for of_one in rows:
        sink.append(of_one)
    sink.close()
    return path


async def read(fake: FakeImin, customers: str) -> list[list[Row]]:
    """The rows of each."""
    once = RetryPolicy(attempts=1)
    async with (
        AccountsSession("test-key", transport=fake, retry=once) as session,
        session.get_many(list(customers)) as outcomes,
    ):
        return [rows_of(outcome, AT) async for outcome in outcomes]


def compared(old: Path, new: Path) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the lines."""
    ran = run("changes", str(old), str(new), "--json")
    assert ran.err == ""
    return ran.code, [json.loads(line) for line in ran.out.splitlines()]


def kinds(old: Path, new: Path) -> set[tuple[str, str]]:
    """Whose, and of which kind."""
    return {(line["customer"], line["change"]) for line in compared(old, new)[1]}


@pytest.mark.parametrize(
    ("step", "kind", "was", "now"),
    [
        pytest.param(
            lambda fake: fake.disconnect("b", ACME),
            "AccountDisconnected",
            "connected",
            "unconnected",
            id="disconnected",
        ),
        pytest.param(
            lambda fake: fake.connect("b", BROOK),
            "AccountConnected",
            "no account",
            "connected",
            id="connected",
        ),
        pytest.param(
            lambda fake: fake.add_member(BROOK, "b@example.com"),
            "MatchingEmailChanged",
            False,
            True,
            id="email",
        ),
        pytest.param(
            lambda fake: fake.change_account("b", ACME, access_pass=None),
            "AccessPassesChanged",
            1,
            0,
            id="pass",
        ),
        pytest.param(
            lambda fake: fake.change_account("b", ACME, hidden_entitlements=True),
            "HiddenEntitlementsChanged",
            False,
            True,
            id="hidden",
        ),
        pytest.param(
            lambda fake: fake.change_account("b", ACME, update_errors=[]),
            "UpdateErrorRemoved",
            {"type": "EntitlementConflict", "name": "The entitlement cannot be applied"},
            None,
            id="error removed",
        ),
        pytest.param(
            lambda fake: fake.change_account("b", ACME, update_errors=[conflict(), conflict("No")]),
            "UpdateErrorAdded",
            None,
            {"type": "EntitlementConflict", "name": "No"},
            id="error added",
        ),
        pytest.param(
            lambda fake: fake.change_account(
                "b", ACME, entitlements=[entitlement("held"), entitlement("both"), entitlement("new")]
            ),
            "EntitlementAdded",
            None,
            {"id": "https://id.example.com/entitlements/new", "label": "Over 65"},
            id="entitlement added",
        ),
        pytest.param(
            lambda fake: fake.change_account("b", ACME, entitlements=[entitlement("both")]),
            "EntitlementRemoved",
            {"id": "https://id.example.com/entitlements/held", "label": "Over 65"},
            None,
            id="entitlement removed",
        ),
        pytest.param(
            lambda fake: fake.change_account(
                "b", ACME, entitlements=[entitlement("held", label="Carer"), entitlement("both")]
            ),
            "EntitlementChanged",
            {"id": "https://id.example.com/entitlements/held", "label": "Over 65"},
            {"id": "https://id.example.com/entitlements/held", "label": "Carer"},
            id="entitlement changed",
        ),
    ],
)
def test_each_step_is_told_as_its_own_change(
    step: Callable[[FakeImin], object], kind: str, was: Any, now: Any, imin: FakeImin, tmp_path: Path
) -> None:
    """One line: whose, at which seller, what it was and what it is."""
    old = exported(imin, tmp_path / "old.jsonl")
    step(imin)
    code, [line] = compared(old, exported(imin, tmp_path / "new.jsonl"))
    seller = BROOK if kind in ("AccountConnected", "MatchingEmailChanged") else ACME
    assert (code, line["customer"], line["change"], line["seller_id"]) == (0, "b", kind, seller)
    assert (line["was"], line["now"]) == (was, now)


@pytest.mark.parametrize("name", ["asked", "both"])
def test_evidence_is_told(name: str, imin: FakeImin, tmp_path: Path) -> None:
    """Submitted, and rejected: whether the entitlement is held as well an export does not say."""
    id = f"https://id.example.com/entitlements/{name}"
    old = exported(imin, tmp_path / "old.jsonl")
    if name == "asked":
        imin.set_evidence("a", ACME, id, ActionStatus.ACTIVE)
    imin.set_evidence("a", ACME, id, ActionStatus.FAILED)
    [line] = compared(old, exported(imin, tmp_path / "new.jsonl"))[1]
    assert (line["change"], line["was"]["id"], line["now"]["evidence"]) == ("EvidenceChanged", id, "failed")


def test_a_request_for_proof_of_what_is_held_removes_nothing(imin: FakeImin, tmp_path: Path) -> None:
    """It comes and goes; the entitlement stays as it is."""
    held, asked = [entitlement("held"), entitlement("both")], [entitlement("held", proof="Active")]
    imin.change_account("a", ACME, evidence=[])
    without = exported(imin, tmp_path / "without.jsonl")
    imin.change_account("a", ACME, entitlements=held, evidence=asked)
    with_it = exported(imin, tmp_path / "with.jsonl")
    assert kinds(without, with_it) == {("a", "EvidenceRequested")}
    assert kinds(with_it, without) == {("a", "EvidenceWithdrawn")}


@pytest.mark.parametrize("old", FORMATS)
@pytest.mark.parametrize("new", FORMATS)
def test_any_formats_in_any_order(old: str, new: str, imin: FakeImin, tmp_path: Path) -> None:
    """What is told depends on neither."""
    before = exported(imin, tmp_path / f"old.{old}", shuffle=1)
    imin.disconnect("b", ACME)
    after = exported(imin, tmp_path / f"new.{new}", shuffle=2)
    assert kinds(before, before) == set()
    assert kinds(before, after) == {("b", "AccountDisconnected")}
    assert kinds(after, before) == {("b", "AccountConnected")}


@pytest.mark.parametrize("fault", [Status(404), Drop(), Malformed()])
def test_who_could_not_be_read_is_not_disconnected(fault: Any, imin: FakeImin, tmp_path: Path) -> None:
    """Neither before nor after: exit code 3, and why."""
    old = exported(imin, tmp_path / "old.jsonl")
    imin.disconnect("b", ACME)
    imin.faults.add(Rule(fault, customer="b"))
    new = exported(imin, tmp_path / "new.jsonl")
    for one, other, side in ((old, new, "now"), (new, old, "was")):
        code, [line] = compared(one, other)
        assert (code, line["customer"], line["change"]) == (3, "b", "CustomerNotRead")
        assert list(line[side]) == ["error_type", "error_status", "error_text"]
        assert line["was" if side == "now" else "now"] is None


def test_how_many_could_not_be_read_is_told_without_json_too(imin: FakeImin, tmp_path: Path) -> None:
    """On standard error, with the command that says why."""
    old = exported(imin, tmp_path / "old.jsonl")
    imin.faults.add(Rule(Status(404), customer="b"))
    ran = run("changes", str(old), str(exported(imin, tmp_path / "new.jsonl")))
    assert ran.code == 3
    assert ran.err.startswith("1 customer could not be read by one of the exports: ")
    assert "`imin-accounts audit` of either file says why" in ran.err


def test_who_is_in_one_of_them_only(imin: FakeImin, tmp_path: Path) -> None:
    """Told once, whatever accounts they have; exit code 0."""
    old, new = exported(imin, tmp_path / "old.jsonl", "ab"), exported(imin, tmp_path / "new.jsonl", "bc")
    assert kinds(old, new) == {("c", "CustomerAdded"), ("a", "CustomerMissing")}
    assert compared(old, new)[0] == 0


def test_each_of_many_who_are_missing_is_told(tmp_path: Path) -> None:
    """Whatever place they had among the others."""
    document = {"@type": "imin:Collection", "imin:item": []}
    rows = {n: rows_of(Fetched(str(n), from_jsonld(document)), AT) for n in range(40)}
    old = written(tmp_path / "old.jsonl", [row for n in range(40) for row in rows[n]])
    new = written(tmp_path / "new.jsonl", [row for n in range(40) if n % 3 for row in rows[n]])
    assert kinds(old, new) == {(str(n), "CustomerMissing") for n in range(0, 40, 3)}


def changed(row: Row, **values: Any) -> Row:
    """A row that says something else; ``problems`` go into its details."""
    problems = values.pop("problems", [])
    details = json.loads(str(row["details"] or "{}")) | ({"problems": problems} if problems else {})
    return {**row, **values, "problems": len(problems), "details": json.dumps(details) if details else None}


def written(path: Path, rows: list[Row]) -> Path:
    """An export of these rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


OF_ENTITLEMENTS: dict[str, Any] = {
    **dict.fromkeys(("entitlements", "evidence_requests", "evidence_outstanding"), 0),
    "earliest_expiry": None,
}
OF_ERRORS: dict[str, Any] = {"update_errors": 0, "conflicts": 0}
NOT_CONNECTED: dict[str, Any] = {
    **dict.fromkeys(("date_linked", "hidden_entitlements", "access_pass"), None),
    **dict.fromkeys((*OF_ENTITLEMENTS, *OF_ERRORS), None),
    "state": "unconnected",
    "details": None,
}
ITEM = "$['imin:item'][0]"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"state": "unrecognised"}, id="unreadable"),
        pytest.param(
            {"problems": [f"{ITEM}['imin:matchingEmailExists']: expected boolean, got 7"]}, id="state"
        ),
        pytest.param({"problems": [f"{ITEM}: expected object"]}, id="the item"),
        pytest.param(
            {"problems": [f"{ITEM}.seller.id: expected the value of ['@id'], got another"]}, id="whose"
        ),
        pytest.param({"problems": ["$['@id']: expected string, got number"]}, id="of whom"),
        pytest.param({"seller_id": None, "state": "unrecognised"}, id="no seller"),
        pytest.param({"seller_id": BROOK}, id="another seller twice"),
    ],
)
def test_doubt_is_no_disconnection(values: Any, imin: FakeImin, tmp_path: Path) -> None:
    """An account that was connected is not told to be disconnected for it, nor its seller to be gone."""
    [rows] = asyncio.run(read(imin, "a"))
    old = written(tmp_path / "old.jsonl", rows)
    new = written(tmp_path / "new.jsonl", [changed({**rows[0], **NOT_CONNECTED}, **values), rows[1]])
    told = {line["change"] for line in compared(old, new)[1]}
    # Of an item that names another seller than it is about nobody knows that either.
    assert told == (
        {"SellerUnreadable", "SellerRemoved"} if values.get("seller_id") else {"SellerUnreadable"}
    )


def test_a_reply_that_does_not_say_whose_it_is_disconnects_nobody(tmp_path: Path) -> None:
    """It may be another customer's, unless none ever says so."""
    item = {"@type": "Account", "seller": {"@id": ACME}}
    was, now = {**item, "dateLinked": "2021-01-27T12:00:00Z"}, {**item, "imin:matchingEmailExists": True}
    other = {"@type": "Account", "seller": {"@id": BROOK}, "imin:matchingEmailExists": True}
    told = []
    for id in ("https://book.imin.co/api/v2/customers/a/accounts", None):
        files = []
        for number, (own, account) in enumerate([(id, was), (None, now)]):
            document = {"@id": own, "@type": "imin:Collection", "imin:item": [account, other]}
            rows = rows_of(Fetched("a", from_jsonld(document)), AT)
            files.append(written(tmp_path / f"{number}.jsonl", rows))
        told.append(kinds(*files))
    assert told == [{("a", "SellerUnreadable")}, {("a", "AccountDisconnected")}]


def test_an_item_with_two_names_may_be_about_whoever_is_missing(imin: FakeImin, tmp_path: Path) -> None:
    """So that seller is not told to be gone."""
    [rows] = asyncio.run(read(imin, "a"))
    problem = f"{ITEM}.seller['@id']: expected the value of id, got another"
    old = written(tmp_path / "old.jsonl", rows)
    new = written(tmp_path / "new.jsonl", [{**changed(rows[0], problems=[problem]), "parts": 1}])
    assert kinds(old, new) == {("a", "SellerUnreadable")}


@pytest.mark.parametrize("before", [[], ["twice"]], ids=["not connected", "listed twice"])
def test_an_item_with_two_names_connects_neither(before: list[str]) -> None:
    """It may say that the account is not connected, which another item says that it is."""
    first, second = ({"@type": "Organization", "@id": f"https://id.example.com/{n}"} for n in (1, 2))
    known = {"@type": "Account", "seller": first, "imin:matchingEmailExists": True}
    linked = {"@type": "Account", "seller": first, "dateLinked": "2021-01-27T12:00:00Z"}
    both = {"@type": "Account", "seller": second, "schema:seller": first, "imin:matchingEmailExists": "?"}
    was, now = (
        rows_of(Fetched("1", from_jsonld({"@id": "/customers/1/accounts", "imin:item": items})), AT)
        for items in ([known, *(known for _ in before)], [linked, both])
    )
    assert {type(change).__name__ for change in changes_of_rows(was, now)} == {"SellerUnreadable"}


def test_whoever_was_called_by_two_names_is_not_new(imin: FakeImin, tmp_path: Path) -> None:
    """The item may have been about that seller, whose name under the other key an export does not hold."""
    [rows] = asyncio.run(read(imin, "a"))
    problem = f"{ITEM}.seller.id: expected the value of ['@id'], got another"
    before = changed({**rows[1], "seller_id": "urn:other"}, problems=[problem])
    old, new = written(tmp_path / "old.jsonl", [rows[0], before]), written(tmp_path / "new.jsonl", rows)
    assert not {kind for _, kind in kinds(old, new)} & {"SellerAdded", "AccountConnected"}


@pytest.mark.parametrize("member", [".customer", "['imin:entitlementUpdateErrors'][0].name"])
def test_what_else_has_changed_is_told(member: str, imin: FakeImin, tmp_path: Path) -> None:
    """One member that can't be read leaves the others in no doubt."""
    [rows] = asyncio.run(read(imin, "a"))
    problem = f"{ITEM}{member}: expected object, got number"
    later = changed({**rows[0], "access_pass": False}, problems=[problem])
    old, new = written(tmp_path / "old.jsonl", rows), written(tmp_path / "new.jsonl", [later, rows[1]])
    assert kinds(old, new) == {("a", "AccessPassesChanged")}


@parquet
def test_a_parquet_file_that_ends_within_a_customer_is_refused(imin: FakeImin, tmp_path: Path) -> None:
    """Else that customer would be told to be missing."""
    [rows] = asyncio.run(read(imin, "a"))
    write_parquet(tmp_path / "torn.parquet", [rows[:1]])
    ran = run("changes", str(tmp_path / "torn.parquet"), str(exported(imin, tmp_path / "new.jsonl")))
    assert (ran.code, "it is not whole" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("member", "hides", "list_hidden"),
    [
        (".dateLinked", {"date_linked": None}, ""),
        (".hiddenEntitlements", {"hidden_entitlements": None}, ""),
        (".accessPass", {"access_pass": False}, ""),
        (".entitlement[0].expires", {}, "entitlements"),
        ("['imin:evidenceRequests']", {}, "entitlements"),
        ("['imin:entitlementUpdateErrors'].name", {}, "update_errors"),
        (".seller.name", {"seller_name": None}, ""),
        (".customer", {}, ""),
        (".somethingElse", {"access_pass": False, "hidden_entitlements": None}, "entitlements"),
    ],
)
def test_a_member_that_can_not_be_read_has_not_changed(
    member: str, hides: Any, list_hidden: str, imin: FakeImin, tmp_path: Path
) -> None:
    """In neither direction."""
    [rows] = asyncio.run(read(imin, "a"))
    lists = {key: value for key, value in json.loads(str(rows[0]["details"])).items() if key != list_hidden}
    counts = {"entitlements": OF_ENTITLEMENTS, "update_errors": OF_ERRORS}.get(list_hidden, {})
    hidden = {**rows[0], **hides, **counts, "details": json.dumps(lists)}
    hidden = changed(hidden, problems=[f"{ITEM}{member}: expected string, got number"])
    old, new = written(tmp_path / "old.jsonl", rows), written(tmp_path / "new.jsonl", [hidden, rows[1]])
    assert kinds(old, new) == kinds(new, old) == set()


def test_the_table(imin: FakeImin, tmp_path: Path) -> None:
    """Changes and customers of each kind, in an order that does not depend on the files; then a sentence."""
    old = exported(imin, tmp_path / "old.jsonl")
    for customer in "ab":
        imin.change_account(customer, ACME, update_errors=[conflict("1"), conflict("2")])
    imin.disconnect("c", ACME)
    ran = run("changes", str(old), str(exported(imin, tmp_path / "new.jsonl", shuffle=3)))
    table = [line.split("  ") for line in ran.out.splitlines() if "  " in line.strip()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in table]
    assert cells == [
        ["Change", "Changes", "Customers"],
        ["account disconnected", "1", "1"],
        ["update error added", "4", "2"],
        ["update error removed", "2", "2"],
    ]
    assert ran.out.endswith("3 customers compared, 3 changed.\n")


def test_nothing_changed(imin: FakeImin, tmp_path: Path) -> None:
    """Read at another time, by other links: no table."""
    old = exported(imin, tmp_path / "old.jsonl")
    imin.advance(timedelta(days=1).total_seconds())
    ran = run("changes", str(old), str(exported(imin, tmp_path / "new.csv")))
    assert (ran.code, ran.out) == (0, "3 customers compared, 0 changed.\n")


def broken(tmp_path: Path, name: str, content: bytes) -> CommandResult:
    """Comparing an export with such a file, and that with itself."""
    file = tmp_path / name
    file.write_bytes(content)
    return run("changes", str(file), str(file))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.jsonl", b'{"customer": 1}\n', "line 1 is no row"),
        ("x.csv", b"a,b\r\n1,2\r\n", "is no row"),
        ("x.sqlite", b"not a database, though long enough to be one", "file is not a database"),
        pytest.param("x.parquet", b"PAR1 torn PAR1", "can't read", marks=parquet),
    ],
)
def test_what_is_no_export_is_refused(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    """Exit code 1, and where; nothing of what it holds."""
    ran = broken(tmp_path, name, content)
    assert (ran.code, reason in ran.err, ran.out) == (1, True, "")


def respelled(cells: Callable[[list[str]], list[str]], dialect: Any = "excel") -> Callable[[bytes], bytes]:
    """What another program makes of a CSV."""

    def respell(text: bytes) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, dialect).writerows(map(cells, csv.reader(io.StringIO(text.decode(), newline=""))))
        return out.getvalue().encode()

    return respell


class Semicolons(csv.excel):
    """As a spreadsheet writes it where a comma stands in numbers."""

    delimiter = ";"


def last_rows_first(text: bytes) -> bytes:
    """As ``sort -r`` puts them."""
    header, *rows = text.splitlines(keepends=True)
    return b"".join([header, *rows[::-1]])


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "semicolons": (respelled(list, Semicolons), "line 1 .*separated by semicolons"),
    "tabs": (respelled(list, csv.excel_tab), "line 1 .*separated by tabs"),
    "a byte order mark": (lambda text: b"\xef\xbb\xbf" + text, "line 1 .*a byte order mark"),
    "quotes": (lambda text: b'"customer"' + text.removeprefix(b"customer"), "line 1 .*the header is quoted"),
    "line ends": (lambda text: text.replace(b"\r\n", b"\n"), "line 1 .*its line ends otherwise"),
    "columns": (respelled(lambda cells: cells[::-1]), "line 1 .*columns are in another order"),
    "columns and a mark": (
        lambda text: b"\xef\xbb\xbf" + respelled(lambda cells: cells[::-1])(text),
        "line 1 .*columns are in another order",
    ),
    "rows": (last_rows_first, "line 2 .*rows of one customer stand together"),
    "a spreadsheet's dates": (
        lambda text: re.sub(rb"(\d{4})-(\d\d)-(\d\d)T[0-9:.]*Z", rb"\3/\2/\1", text),
        "line 2 .*its (date_linked|fetched_at) is not as an export",
    ),
    "a cell less": (lambda text: re.sub(rb",[^,]*\r\n\Z", b"\r\n", text), "fewer cells"),
    "flags": (lambda text: text.replace(b",true,", b",TRUE,"), "line 2 .*its [a-z_]+ is not as an export"),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_with_a_file_is_named(
    spoil: Callable[[bytes], bytes], reason: str, imin: FakeImin, tmp_path: Path
) -> None:
    """What a spreadsheet or a sort did to it, and in which line; nothing of what it holds."""
    old, new = exported(imin, tmp_path / "old.csv"), tmp_path / "new.csv"
    new.write_bytes(spoil(old.read_bytes()))
    ran = run("changes", str(old), str(new))
    assert (ran.code, ran.out) == (1, "")
    assert re.search(reason, ran.err), ran.err
    assert "Acme" not in ran.err


def test_a_customer_who_is_there_twice_is_refused(imin: FakeImin, tmp_path: Path) -> None:
    """Which of the two is right nobody can tell."""
    old, new = exported(imin, tmp_path / "old.jsonl"), tmp_path / "new.jsonl"
    new.write_bytes(old.read_bytes() * 2)
    ran = run("changes", str(old), str(new))
    assert (ran.code, "is no row of an export of this version, or not in its place" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["old.jsonl"], "say NEW"),
        (["old.jsonl", "ids.txt"], "its name must end with one of"),
        (["-", "old.jsonl"], "its name must end with one of"),
        (["old.jsonl", "old.jsonl", "--limit", "3"], "are for --snapshots"),
        (["old.jsonl", "old.jsonl", "--tell-new"], "are for --snapshots"),
        (["old.jsonl", "old.jsonl", "--snapshots", "s.db"], "say either NEW or --snapshots"),
        (["ids.txt", "--snapshots", "ids.txt"], "would be written over what is read"),
        (["nowhere.jsonl", "old.jsonl"], "does not exist"),
        (["old.jsonl", "nowhere.jsonl"], "does not exist"),
    ],
)
def test_wrong_usage(
    arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2."""
    monkeypatch.chdir(tmp_path)
    for name in ("old.jsonl", "ids.txt"):
        Path(name).touch()
    ran = run("changes", *arguments)
    assert (ran.code, reason in ran.err) == (2, True)


def test_a_part_that_can_not_be_read_is_told_of_exports_too(imin: FakeImin, tmp_path: Path) -> None:
    """Exit code 3, though it was so before, and nothing changed that anybody could see."""
    rows: list[list[Row]] = asyncio.run(read(imin, "a"))
    rows[0][0] = changed(rows[0][0], problems=["$: odd"])
    for name in ("old.jsonl", "new.jsonl"):
        sink = open_sink(tmp_path / name)
        list(sink.resume(retry_failed=False))
        sink.append(rows[0])
        sink.close()
    ran = run("changes", str(tmp_path / "old.jsonl"), str(tmp_path / "new.jsonl"))
    assert (ran.code, "1 customer could be read in part only" in ran.err) == (3, True)

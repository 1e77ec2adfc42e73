"""Files of rows: what a torn one keeps, what is refused, who may read and write."""

import csv
import json
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click
import pytest

from imin_accounts import Fetched, from_jsonld
from imin_accounts.cli._export.sinks import SUFFIXES, TEXT_FORMATS, Sink, is_export, open_sink, read_customers
from imin_accounts.cli._export.text import JsonLines
from imin_accounts.cli._files import CannotRead, CannotWrite
from imin_accounts.cli.rows import Row, Value, is_error, rows_of
from tests.cli.commands import CommandResult, run
from tests.cli.people import entitlement
from tests.cli.rows import AT, customer_rows, error_rows

NAMES = [f"out{suffix}" for suffix in SUFFIXES]
TEXT = [f"out{suffix}" for suffix in TEXT_FORMATS]


@pytest.fixture(params=NAMES)
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file to export to, in each format."""
    return tmp_path / str(request.param)


def opened(path: Path, *, retry_failed: bool = False) -> tuple[Sink, dict[str, bool]]:
    """A sink that can be appended to, and whom it holds already."""
    with ExitStack() as unless_it_can_be_resumed:
        sink = open_sink(path)
        unless_it_can_be_resumed.callback(sink.close)
        there = sink.resume(retry_failed=retry_failed)
        held = {str(rows[0]["customer"]): is_error(rows) for rows in there}
        unless_it_can_be_resumed.pop_all()
    return sink, held


def write(path: Path, *customers: list[Row]) -> None:
    """Append customers to a file."""
    sink, _ = opened(path)
    with closing(sink):
        for rows in customers:
            sink.append(rows)


def test_what_was_written_is_read(out: Path) -> None:
    """Customer by customer, every row."""
    write(out, customer_rows("1"), error_rows("2"))
    write(out, customer_rows("3"))
    assert list(read_customers(out)) == [customer_rows("1"), error_rows("2"), customer_rows("3")]


def test_going_on_tells_who_is_there_and_who_failed(out: Path) -> None:
    """Each customer once, however many rows."""
    write(out, customer_rows("1"), error_rows("2"))
    sink, there = opened(out)
    sink.close()
    assert there == {"1": False, "2": True}


def test_failed_customers_can_be_dropped(out: Path) -> None:
    """To ask again for those who failed, their rows go; new ones are appended behind the rest."""
    write(out, error_rows("1"), customer_rows("2"), error_rows("3"))
    sink, there = opened(out, retry_failed=True)
    with closing(sink):
        sink.append(customer_rows("3"))
    assert there == {"2": False}
    assert list(read_customers(out)) == [customer_rows("2"), customer_rows("3")]
    assert [file.name for file in out.parent.iterdir()] == [out.name], "nothing is left beside it"


def test_it_is_for_its_owner_only(out: Path) -> None:
    """It holds identifiers: nobody else may read it, even after failed customers were dropped."""
    write(out, error_rows("1"))
    opened(out, retry_failed=True)[0].close()
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", TEXT)
def test_a_customer_torn_anywhere_is_cut_off(name: str, tmp_path: Path) -> None:
    """Whatever is there of the last customer's rows, going on keeps those before, and only those."""
    out = tmp_path / name
    write(out, customer_rows("1"))
    kept = out.stat().st_size
    write(out, customer_rows("2"))
    whole = out.read_bytes()
    for size in range(kept, len(whole), 7):
        out.write_bytes(whole[:size])
        sink, there = opened(out)
        with closing(sink):
            sink.append(customer_rows("2"))
        assert there == {"1": False}
        assert out.read_bytes() == whole


@pytest.mark.parametrize("name", TEXT)
def test_a_torn_file_is_not_read_as_if_it_were_whole(name: str, tmp_path: Path) -> None:
    """An audit of it would silently miss somebody."""
    out = tmp_path / name
    write(out, customer_rows("1"), customer_rows("2"))
    os.truncate(out, out.stat().st_size - 1)
    with pytest.raises(CannotRead, match=r"it is not whole \(line [45] has no end\)"):
        list(read_customers(out))


@pytest.mark.parametrize("use", [lambda out: [*read_customers(out)], opened], ids=["read", "go on"])
def test_a_damaged_database_is_not_read_as_if_it_were_whole(
    use: Callable[[Path], object], tmp_path: Path
) -> None:
    """A page in its middle is lost: the customers before it are no export."""
    out = tmp_path / "out.sqlite"
    write(out, *(customer_rows(str(number)) for number in range(1000, 1500)))
    middle = out.stat().st_size // 2 // 4096 * 4096
    with out.open("r+b") as file:
        file.seek(middle)
        file.write(b"\xff" * 8192)
    with pytest.raises(CannotRead, match="malformed"):
        use(out)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text + b"\r\n", "it is empty"),
        (lambda text: text.replace(b"Acme", b'"Acme'), "its quotes are not"),
        (lambda text: text.replace(b"Acme", b"\xff"), "it is not UTF-8"),
    ],
)
def test_a_csv_that_was_edited_is_told_with_the_reason(
    change: Callable[[bytes], bytes], why: str, tmp_path: Path
) -> None:
    """As the lines of JSON are."""
    path = tmp_path / "out.csv"
    write(path, customer_rows("1", name="Acme, too"), customer_rows("2"))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CannotRead, match=f"line [0-9] is no row .*: {why}"):
        list(read_customers(path))


@pytest.mark.parametrize("name", TEXT)
def test_a_row_taken_out_is_noticed(name: str, tmp_path: Path) -> None:
    """A file whose customers are not whole was changed by somebody: it is left alone."""
    out = tmp_path / name
    write(out, customer_rows("1"), customer_rows("2"))
    lines = out.read_bytes().splitlines(keepends=True)
    changed = b"".join(lines[:-3] + lines[-2:])
    out.write_bytes(changed)
    with pytest.raises(CannotRead):
        opened(out)
    assert out.read_bytes() == changed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("out.jsonl", b"customer-1\n", id="identifiers"),
        pytest.param("out.csv", b"id\r\n1\r\n", id="another csv"),
        pytest.param("out.sqlite", b"not a database" * 100, id="no database"),
    ],
)
def test_what_is_no_export_is_left_alone(name: str, content: bytes, tmp_path: Path) -> None:
    """Neither gone on with nor read, and not touched."""
    out = tmp_path / name
    out.write_bytes(content)
    with pytest.raises(click.ClickException):
        opened(out)
    with pytest.raises(CannotRead):
        list(read_customers(out))
    assert out.read_bytes() == content


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    """A database with other tables gets no table of ours."""
    out = tmp_path / "out.sqlite"
    with closing(sqlite3.connect(out)) as db:
        db.execute("CREATE TABLE customers (id)")
    before = out.read_bytes()
    with pytest.raises(CannotRead, match="other tables"):
        opened(out)
    assert out.read_bytes() == before


def test_two_processes_do_not_write_to_one_file(out: Path) -> None:
    """The second one is told; else customers would stand there twice."""
    sink, _ = opened(out)
    with closing(sink), pytest.raises(CannotWrite, match=r"another process|locked"):
        opened(out)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(CannotWrite, match="No such file or directory"):
        open_sink(tmp_path / "nowhere" / "out.jsonl")


def test_an_export_is_told_from_a_file_of_identifiers(out: Path, tmp_path: Path) -> None:
    """By its name; a CSV by its header."""
    write(out, customer_rows())
    other = tmp_path / "ids.csv"
    other.write_text("id\n1\n")
    assert is_export(out)
    assert not is_export(other)
    assert not is_export(Path("-"))


CANARY = "canary-4f1d"
DEEP = "[" * 100_000 + "]" * 100_000
EDITS: dict[str, dict[str, Any]] = {
    "a state of another kind": {"state": 7},
    "a state in a list": {"state": ["connected"]},
    "a state that there is not": {"state": CANARY},
    "no state": {"state": None},
    "an error beside others": {"state": "error"},
    "a number for a text": {"seller_name": 7},
    "an object for a text": {"seller_id": {"@id": CANARY}},
    "a text for a number": {"entitlements": CANARY},
    "a fraction": {"entitlements": 1.5},
    "a number below none": {"entitlements": -1},
    "a number for a flag": {"hidden_entitlements": 7},
    "a huge number": {"entitlements": 10**30},
    "a number as a text": {"part": "1"},
    "another part": {"part": 3},
    "other parts": {"parts": 3},
    "no customer": {"customer": None},
    "an empty customer": {"customer": ""},
    "another customer": {"customer": CANARY},
    "a time that is none": {"fetched_at": CANARY},
    "a time without an offset": {"date_linked": "2026-03-04T12:00:00"},
    "a time as a number": {"earliest_expiry": 1},
    "details that are no JSON": {"details": CANARY},
    "details that are a list": {"details": "[]"},
    "deep details": {"details": DEEP},
    "other details": {"details": json.dumps({CANARY: []})},
    "entitlements that are an object": {"details": json.dumps({"entitlements": {}})},
    "entitlements that are texts": {"details": json.dumps({"entitlements": [CANARY]})},
    "an entitlement of numbers": {"details": json.dumps({"entitlements": [{"label": 1}]})},
    "an entitlement that ends some time": {"details": json.dumps({"entitlements": [{"expires": CANARY}]})},
    "an error without a name": {"details": json.dumps({"update_errors": [{"type": CANARY}]})},
    "problems that are objects": {"details": json.dumps({"problems": [{}]})},
}


def edited_file(path: Path, edit: dict[str, Any]) -> Path:
    """An export of three customers, of the second of whom the first row was edited."""
    write(path, customer_rows("1"))
    rows = customer_rows("2", name=CANARY)
    rows[0] |= edit
    if path.suffix == ".sqlite":
        write(path, customer_rows("2", name=CANARY), customer_rows("3"))
        with closing(sqlite3.connect(path)) as db, db:
            for name, value in edit.items():
                plain = value if isinstance(value, str | int | float | None) else json.dumps(value).encode()
                plain = str(plain) if isinstance(plain, int) and plain >= 2**63 else plain
                db.execute(f"UPDATE accounts SET {name} = ? WHERE customer = '2' AND part = 1", (plain,))
    elif path.suffix == ".csv":
        with path.open("a", newline="") as file:
            csv.writer(file).writerows(row.values() for row in rows)
    else:
        with path.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


WHERE = {
    ".jsonl": "line [34] ",
    ".csv": "line [45] ",
    ".sqlite": "row [1-5], in the order of customer and part, ",
}
UNTYPED = {  # what a CSV or a database can't tell from what an export writes there
    ".csv": {"a number for a text", "a state in a list", "an object for a text", "a number as a text"},
    ".sqlite": {"a number for a text", "a number as a text", "no customer"},
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("suffix", WHERE)
def test_a_row_that_was_edited_is_told_by_its_place(suffix: str, edit: str, tmp_path: Path) -> None:
    """Wherever it is read, and without a word of it; the file stays as it is."""
    if edit in UNTYPED.get(suffix, ()) and edit != "a state in a list":
        pytest.skip("reads as a text, as it would in any such file")
    path = edited_file(tmp_path / f"out{suffix}", EDITS[edit])
    before = path.read_bytes()
    for read in (lambda: list(read_customers(path)), lambda: opened(path)):
        with pytest.raises(CannotRead) as caught:
            read()
        said = str(caught.value.message)
        assert (bool(re.search(WHERE[suffix], said)), CANARY in said) == (True, False)
    assert path.read_bytes() == before or suffix == ".sqlite"


def command(name: str, path: Path) -> CommandResult:
    """Run a command on an exported file."""
    ids, key = path.with_name("ids.txt"), {"IMIN_API_KEY": "test-key"}
    ids.write_text("1\n")
    match name:
        case "audit":
            return run("audit", str(path))
        case "convert":
            return run("convert", str(path), str(path.with_name("new.csv")))
        case _:
            return run("export", str(ids), "-o", str(path), "--resume", *name.split()[1:], env=key)


@pytest.mark.parametrize("name", ["audit", "convert", "export", "export --retry-failed"])
@pytest.mark.parametrize("suffix", WHERE)
def test_every_command_tells_where_a_file_was_edited(suffix: str, name: str, tmp_path: Path) -> None:
    """Exit code 1 and the place; no traceback, nothing of the row, and nothing else is there afterwards."""
    path = edited_file(tmp_path / f"out{suffix}", EDITS["a state that there is not"])
    ran = command(name, path)
    assert re.search(f"can't read .*out{suffix}: {WHERE[suffix]}is no row", ran.err), ran.err
    assert (ran.code, CANARY in ran.err) == (1, False)
    assert {file.name for file in tmp_path.iterdir()} <= {path.name, "ids.txt"}


LABEL = "Over 65"
IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("no account", {"entitlements": 5}, "entitlements"),
    ("no account", {"details": json.dumps({"entitlements": [{"label": LABEL}]})}, "details"),
    ("unconnected", {"date_linked": "2026-03-04T12:00:00Z"}, "date_linked"),
    ("unconnected", {"access_pass": False}, "access_pass"),
    ("unconnected", {"error_text": LABEL}, "error_text"),
    ("unconnected", {"problems": None}, "problems"),
    ("connected", {"access_pass": None}, "access_pass"),
    ("connected", {"conflicts": 3}, "conflicts"),
    ("connected", {"evidence_outstanding": 9}, "evidence_outstanding"),
    ("connected", {"entitlements": 99}, "entitlements"),
    ("connected", {"entitlements": 0, "details": None}, "evidence_requests"),
    ("connected", {"earliest_expiry": None}, "earliest_expiry"),
    ("connected", {"earliest_expiry": "2027-03-04T12:00:00Z"}, "earliest_expiry"),
    ("connected", {"error_type": "NotFound"}, "error_type"),
    ("connected", {"error_status": 404}, "error_status"),
    ("connected", {"problems": 3}, "problems"),
    ("connected", {"details": json.dumps({"unnamed": [LABEL]})}, "details"),
    ("connected", {"details": json.dumps({"entitlements": [{"evidence": LABEL}]})}, "details"),
    ("connected", {"details": '{"problems":["a"],"problems":["b"]}'}, "details"),
    ("connected", {"details": json.dumps({"problems": LABEL})}, "details"),
    ("connected", {"details": json.dumps({"entitlements": {LABEL: 1}})}, "details"),
    ("no sellers", {"seller_id": LABEL}, "seller_id"),
    ("error", {"error_type": None}, "error_type"),
    ("error", {"error_text": None}, "error_text"),
    ("error", {"seller_name": LABEL}, "seller_name"),
    ("error", {"problems": 1}, "problems"),
    ("error", {"details": json.dumps({"problems": [LABEL]})}, "details"),
]


def rows_by_state() -> dict[Value, Row]:
    """A row of each state, as an export writes them."""
    discount = entitlement("1", ends=AT, label=LABEL, proof="Active")
    seller = {"@type": "Account", "seller": {"@id": "urn:1", "name": "Acme"}}
    items = [
        {**seller, "dateLinked": "2021-01-27T12:00:00Z", "imin:evidenceRequests": [discount]},
        {**seller, "imin:matchingEmailExists": True},
        {**seller, "imin:matchingEmailExists": False},
    ]
    found = [error_rows()]
    for reply in (items[:1], items[1:2], items[2:], []):
        document = {"@type": "imin:Collection", "imin:item": reply}
        found.append(rows_of(Fetched("1", from_jsonld(document)), AT))
    return {row["state"]: row for [row] in found}


@pytest.mark.parametrize(("state", "edit", "column"), IMPOSSIBLE)
@pytest.mark.parametrize("suffix", WHERE)
def test_a_row_that_no_export_writes_is_told(
    state: str, edit: dict[str, Any], column: str, suffix: str, tmp_path: Path
) -> None:
    """Whatever its state and its details say of the rest holds, or the column that does not is named."""
    row = rows_by_state()[state]
    path, whole = tmp_path / f"out{suffix}", tmp_path / f"whole{suffix}"
    write(whole, [row])
    assert list(read_customers(whole)) == [[row]]
    write(path, [{**row, **edit}])
    with pytest.raises(CannotRead, match=f"{column}|its details are not") as caught:
        list(read_customers(path))
    assert LABEL not in caught.value.message


def test_a_member_that_is_there_twice_is_told(tmp_path: Path) -> None:
    """Of two states nobody knows which is meant; however the line is spaced."""
    path = tmp_path / "out.jsonl"
    for text in (JsonLines().write(customer_rows()).decode(), f"{json.dumps(customer_rows()[0])}\n"):
        path.write_text(re.sub('("state": ?)', r'\1"connected",\1', text))
        with pytest.raises(CannotRead, match=r"line 1 is no row .*: a member is there twice"):
            list(read_customers(path))


def take_a_column(line: bytes) -> bytes:
    return json.dumps({k: v for k, v in json.loads(line).items() if k != "error_text"}).encode() + b"\n"


@pytest.mark.parametrize(
    ("change", "number", "why"),
    [
        pytest.param(lambda lines: [lines[0], b"\n", *lines[1:]], 2, "it is empty", id="an empty line"),
        pytest.param(
            lambda lines: [b"\xef\xbb\xbf" + lines[0], *lines[1:]],
            1,
            "a byte order mark",
            id="a byte order mark",
        ),
        pytest.param(lambda lines: [*lines, *lines[:2]], 5, "was there before", id="a customer twice"),
        pytest.param(lambda lines: [lines[0], *lines], 2, "in the order of part", id="a row twice"),
        pytest.param(lambda lines: [*lines[:2], b"[]\n", *lines[2:]], 3, "other columns", id="a list"),
        pytest.param(lambda lines: [*lines[:2], b'{"a":' * 10**5 + b"\n"], 3, "no JSON", id="deep JSON"),
        pytest.param(
            lambda lines: [lines[0].replace(b"Acme", b"\xff"), *lines[1:]], 1, "not UTF-8", id="no UTF-8"
        ),
        pytest.param(
            lambda lines: [take_a_column(lines[0]), *lines[1:]], 1, "other columns", id="a column less"
        ),
        pytest.param(
            lambda lines: [*lines[:2], b"torn" + lines[2][4:-1]], 3, "no line end", id="another torn line"
        ),
        pytest.param(lambda lines: [b'{"precious": 1}'], 1, "no line end", id="one line of something else"),
        pytest.param(
            lambda lines: [b"x" * (16 * 1024 * 1024 + 1)], 1, "no line end", id="a line without an end"
        ),
    ],
)
def test_lines_that_were_edited_are_told_by_their_number(
    change: Callable[[list[bytes]], list[bytes]], number: int, why: str, tmp_path: Path
) -> None:
    """With the reason, and the file stays as it is: what is no torn row is not cut off."""
    path = tmp_path / "out.jsonl"
    write(path, customer_rows("1"), customer_rows("2"))
    edited = b"".join(change(path.read_bytes().splitlines(keepends=True)))
    path.write_bytes(edited)
    for read in (lambda: list(read_customers(path)), lambda: opened(path)):
        with pytest.raises(CannotRead, match=f"line {number} is no row .*: .*{why}"):
            read()
    assert path.read_bytes() == edited


def test_any_character_may_stand_in_a_line(tmp_path: Path) -> None:
    """Some take U+0085, U+2028 and their like for the end of one."""
    path, rows = tmp_path / "out.jsonl", customer_rows(name="a\x85b\u2028c\u2029d\x0be\x1cf")
    write(path, rows)
    assert list(read_customers(path)) == [rows]


def test_a_database_with_a_trigger_is_somebody_elses(tmp_path: Path) -> None:
    """It would do something with every row that is added."""
    path = tmp_path / "out.sqlite"
    write(path, customer_rows("1"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON accounts BEGIN DELETE FROM accounts; END")
    with pytest.raises(CannotRead, match="it holds other tables"):
        opened(path)


def test_a_text_in_a_database_that_is_not_utf8_is_not_quoted(tmp_path: Path) -> None:
    """SQLite's own words quote it."""
    path = tmp_path / "out.sqlite"
    write(path, customer_rows("1"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE accounts SET seller_name = CAST(x'43616e617279ff' AS TEXT) WHERE part = 2")
    for read in (lambda: list(read_customers(path)), lambda: opened(path)):
        with pytest.raises(CannotRead, match="row 2, in the order of customer and part, is no row") as caught:
            read()
        assert "Canary" not in str(caught.value.message)


def test_a_customer_who_is_there_already_is_not_written(tmp_path: Path) -> None:
    """Whatever SQLite refuses is told, and nothing of it is in the file."""
    path = tmp_path / "out.sqlite"
    sink, _ = opened(path)
    with closing(sink):
        sink.append(customer_rows("1"))
        with pytest.raises(CannotWrite):
            sink.append([*customer_rows("2"), *customer_rows("1")])
        sink.append(customer_rows("3"))
    assert [rows[0]["customer"] for rows in read_customers(path)] == ["1", "3"]


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
def test_a_database_that_others_could_read_they_can_not_any_more(end: str, tmp_path: Path) -> None:
    """With all that SQLite keeps beside it: it stays where an export was killed."""
    path = tmp_path / "out.sqlite"
    beside = path.with_name(path.name + end)
    beside.touch()
    beside.chmod(0o644)
    sink, _ = opened(path)
    with closing(sink):
        sink.append(customer_rows())
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("do", ["remove", "replace"])
def test_a_file_that_is_gone_at_the_end_is_told(do: str, out: Path) -> None:
    """Whoever says "done" has written what stands there."""
    sink, _ = opened(out)
    sink.append(customer_rows())
    if do == "replace":
        out.with_name("other").write_text("other")
        out.with_name("other").rename(out)
    else:
        out.unlink()
    with pytest.raises(CannotWrite):
        sink.close()


@pytest.mark.parametrize("name", TEXT)
def test_a_tail_of_zeros_is_a_torn_one(name: str, tmp_path: Path) -> None:
    """As a power cut may leave it: an export goes on, and until then nobody takes the file for whole."""
    path = tmp_path / name
    write(path, customer_rows("1"))
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 5_000)
    with pytest.raises(CannotRead, match="it is not whole"):
        list(read_customers(path))
    sink, there = opened(path)
    sink.close()
    assert (there, path.read_bytes()) == ({"1": False}, whole)

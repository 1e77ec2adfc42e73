"""``imin-accounts read``: every field of a saved reply, its problems, its drift."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from imin_accounts.models import ActionStatus
from tests.cli.commands import run
from tests.paths import SAMPLES

STATES = {"connected": "connected", "unconnected": "unconnected", "no_account": "no account"}


def leaves(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Every value in a JSON document that is no object or array, with its path."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from leaves(element, f"{path}[{index}]")
    else:
        yield path, value


def as_shown(value: Any) -> str:
    """How a value of the documented reply is shown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    try:
        return datetime.fromisoformat(value).isoformat(sep=" ")
    except ValueError:
        return str(value)


def reply(*items: Any, **members: Any) -> str:
    """A reply as JSON."""
    return json.dumps(
        {"@id": "https://h/customers/1/accounts", "@type": "imin:Collection", "imin:item": items, **members}
    )


def connected(**members: Any) -> dict[str, Any]:
    """A connected account with a seller."""
    return {
        "@type": "Account",
        "seller": {"@type": "Organization", "@id": "s"},
        "dateLinked": "2021-01-27T12:00:00+00:00",
        **members,
    }


DOCUMENTED = json.loads((SAMPLES / "documented.json").read_bytes())


@pytest.mark.parametrize("value", [pytest.param(value, id=path) for path, value in leaves(DOCUMENTED)])
def test_every_field_of_the_documented_reply_is_shown(value: Any) -> None:
    """Nothing of the page's reply is left out, whether it has a field or contradicts the state."""
    out = run("read", str(SAMPLES / "documented.json")).out
    assert as_shown(value) in out or json.dumps(value) in out


@pytest.mark.parametrize("name", STATES)
def test_each_state_reads_without_problem_or_drift(name: str) -> None:
    """A reply as documented: exit code 0, and it says that all was read and all is documented."""
    ran = run("read", str(SAMPLES / f"{name}.json"))
    assert (ran.code, ran.err) == (0, "")
    assert f": {STATES[name]}\n" in ran.out
    assert "none: everything could be read" in ran.out
    assert "none: everything is documented" in ran.out


def test_standard_input_is_read_for_a_dash() -> None:
    """``-`` is standard input."""
    assert run("read", "-", stdin=reply()).code == 0


def test_problems_are_listed_and_change_the_exit_code() -> None:
    """An item that can't be read is shown whole, with the reason; the exit code says partly done."""
    ran = run("read", "-", stdin=reply({"@type": "Account", "why": 1}))
    assert ran.code == 3
    assert '{"@type": "Account", "why": 1}' in ran.out
    assert "(no seller): unrecognised" in ran.out
    assert "$['imin:item'][0]" in ran.out.partition("Problems\n")[2]


def test_drift_is_listed_and_harmless() -> None:
    """A member that the API does not document is shown with its value, and counted; the exit code stays 0."""
    ran = run("read", "-", stdin=reply(connected(tier="gold"), connected(tier="silver")))
    assert ran.code == 0
    assert '+ tier                   "gold"' in ran.out
    assert "unknown member $['imin:item'][*].tier (met 2x)" in ran.out.partition("Drift\n")[2]


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        pytest.param(timedelta(days=10, hours=1), "(10 days left)", id="ahead"),
        pytest.param(timedelta(hours=1), "(0 days left)", id="today"),
        pytest.param(timedelta(days=-3, hours=-1), "(ended 3 days ago)", id="over"),
    ],
)
def test_days_left_are_counted(ends: timedelta, shown: str) -> None:
    """An entitlement shows how many whole days it has left, or how long ago it ended."""
    expires = (datetime.now(UTC) + ends).isoformat()
    assert shown in run("read", "-", stdin=reply(connected(entitlement=[{"expires": expires}]))).out


@pytest.mark.parametrize("status", ActionStatus)
def test_the_status_of_evidence_is_shown(status: ActionStatus) -> None:
    """The status in a word and as the URL; all but a completed request are marked as outstanding."""
    evidence = [{"evidenceRequest": {"actionStatus": str(status)}}]
    out = run("read", "-", stdin=reply(connected(**{"imin:evidenceRequests": evidence}))).out
    assert f"{status.name.lower()} ({status})" in out
    assert ("the proof is outstanding" in out) is (status is not ActionStatus.COMPLETED)


def test_json_has_the_reply_the_states_the_problems_and_the_drift() -> None:
    """``--json`` is for a script: what was read, and what became of it."""
    document = reply(connected(tier=1), 7)
    ran = run("read", "-", "--json", stdin=document)
    said = json.loads(ran.out)
    assert (ran.code, said["accounts"]) == (3, json.loads(document))
    assert said["states"] == [
        {"seller": "s", "state": "connected"},
        {"seller": None, "state": "unrecognised"},
    ]
    assert len(said["problems"]) == 1
    assert said["drift"]["unknown member $['imin:item'][*].tier"] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "// comment\n{}"], ids=["empty", "cut", "array", "comment"])
def test_what_is_no_reply_has_failed(text: str) -> None:
    """Exit code 1 and one line on standard error."""
    ran = run("read", "-", stdin=text)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
def test_a_terminal_wraps_long_values_by_itself() -> None:
    """No line end is put into a value, so that it can be copied whole out of a narrow terminal."""
    ours, theirs = os.openpty()
    token, name = "t" * 200, "A name as long as this one does not fit a line"
    items = [{**connected(), "seller": {"@type": "Organization", "@id": "s", "name": name}}]
    document = reply(*items, **{"imin:entitlementFilter": token}).encode()
    command = [sys.executable, "-m", "imin_accounts.cli", "read", "-"]
    with open(ours, "rb", buffering=0) as screen, open(theirs, "rb", buffering=0) as terminal:
        subprocess.run(
            command, input=document, stdout=terminal, env={**os.environ, "COLUMNS": "40"}, check=True
        )
        shown = screen.read(4000).decode()
    assert token in shown
    assert f"{name}: connected" in shown


def test_a_missing_file_is_wrong_usage() -> None:
    """Exit code 2."""
    assert run("read", "no/such/file.json").code == 2


def test_nothing_of_a_file_steers_the_terminal() -> None:
    """Control characters in values and in unknown members' names show as text."""
    ran = run(
        "read", "-", stdin=reply(connected(**{"a\x1b[2J": "\x9b2J"}), **{"@context": "https://h/\x1b[2J"})
    )
    assert all(line.isprintable() for line in ran.out.splitlines())
    assert r"+ a\x1b[2J" in ran.out


def test_what_powershell_saved_is_read(tmp_path: Path) -> None:
    """Its ``>`` writes UTF-16, with a byte order mark."""
    file = tmp_path / "saved.json"
    for encoding in ("utf-16", "utf-8-sig"):
        file.write_bytes('{"@type": "imin:Collection", "imin:item": []}'.encode(encoding))
        assert run("read", str(file)).code == 0


def test_what_is_no_reply_is_told(tmp_path: Path) -> None:
    """With where it is none; to ask imin again would not help."""
    (tmp_path / "saved.json").write_text("customer-1\n")
    ran = run("read", str(tmp_path / "saved.json"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("this is no reply of imin's.\n")


def test_what_is_no_json_is_not_for_imin_to_mend(tmp_path: Path) -> None:
    """The file is the user's own: to repeat it, or to tell imin, is no help."""
    file = tmp_path / "two-lines.json"
    file.write_text("{}\n{}\n")
    ran = run("read", str(file), "--redact")
    assert (ran.code, "expected JSON" in ran.err, "imin." in ran.err, "later" in ran.err) == (
        1, True, False, False
    )  # fmt: skip

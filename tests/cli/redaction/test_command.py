"""``imin-accounts read FILE --redact``: a process, its streams and its file."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.cli.processes import run_to_end
from tests.paths import SAMPLES

SAMPLE = SAMPLES / "documented.json"


def test_the_copy_goes_to_standard_output() -> None:
    """JSON and nothing else; no address, no identifier, no name of the reply is in it; exit code 0."""
    ran = run_to_end("http://127.0.0.1:1", "read", SAMPLE, "--redact")
    assert (ran.code, ran.err) == (0, "")
    copy = json.loads(ran.out)
    assert copy["imin:item"][0]["seller"]["@type"] == "Organization"
    for secret in ("Acme", "acmeleisurecentre", "01455", "890508", "1234", "monthly", "5e78bcbe"):
        assert secret not in ran.out


def test_the_copy_goes_to_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    """Mode 0600; what stood there before is replaced; nothing else is printed."""
    target = tmp_path / "redacted.json"
    target.write_text("old")
    ran = run_to_end("http://127.0.0.1:1", "read", SAMPLE, "--redact", "-o", target)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert target.stat().st_mode & 0o777 == 0o600
    assert json.loads(target.read_text())["@type"] == "imin:Collection"


def test_standard_input_is_redacted_for_a_dash() -> None:
    """``-`` is standard input."""
    assert json.loads(run("read", "-", "--redact", stdin=b"\xef\xbb\xbf[1, true, null]").out) == [
        1,
        True,
        None,
    ]


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    """Exit code 1, a line that quotes nothing of it, and no file."""
    target = tmp_path / "redacted.json"
    ran = run("read", "-", "--redact", "-o", str(target), stdin="rosie@example.com")
    assert (ran.code, ran.out, ran.err.count("\n"), target.exists()) == (1, "", 1, False)
    assert "rosie" not in ran.err


def test_a_reply_with_problems_is_redacted_nevertheless() -> None:
    """It is why somebody redacts it: exit code 0, since the copy was made; the copy has the same problems."""
    body = json.dumps({"imin:item": [{"seller": {"@id": "urn:1"}, "dateLinked": "soon"}]})
    ran = run("read", "-", "--redact", stdin=body)
    problems = [
        json.loads(run("read", "-", "--json", stdin=each).out)["problems"] for each in (body, ran.out)
    ]
    assert ran.code == 0
    assert problems[0] == problems[1] != []


@pytest.mark.parametrize("options", [("-o", "{file}"), ("-o", "{file}", "--redact")])
def test_nothing_is_written_over_what_is_read(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Exit code 2; and ``-o`` alone is wrong usage, since ``read`` prints."""
    file = tmp_path / "saved.json"
    file.write_bytes(SAMPLE.read_bytes())
    ran = run("read", str(file), *(each.format(file=file) for each in options))
    assert (ran.code, file.read_bytes()) == (2, SAMPLE.read_bytes())

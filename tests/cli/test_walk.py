"""From Excel's file to everybody's disconnection, as somebody does it who has the help only."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import COMMAND, ProcessResult, run_to_end

FAULTS = {
    "rules": [
        {"customer": "customer-2", "effect": {"status": {"status": 403}}},
        {
            "customer": "customer-4",
            "endpoint": "delete_seller_account",
            "effect": {"status": {"status": 503}},
        },
    ]
}
"""Of six customers one can't be read, and another not disconnected."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It holds a list as Excel saves it where commas stand in numbers: cp1252, with semicolons."""
    monkeypatch.chdir(tmp_path)
    lines = ["Kunden-Nr;Straße", *(f"customer-{n};Hauptstraße {n}" for n in (1, 2, 3, 4, 5, 6, 1))]
    (tmp_path / "kunden.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    (tmp_path / "faults.json").write_text(json.dumps(FAULTS))
    return tmp_path


@pytest.fixture
def base_url(folder: Path) -> Iterator[str]:
    """An emulator with these faults."""
    options = ["--port", "0", "--sellers", "3", "--customers", "6", "--faults", "faults.json"]
    with subprocess.Popen([*COMMAND, "emulator", *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split()[0]
        process.terminate()


def test_from_excel_to_everybody_disconnected(folder: Path, base_url: str) -> None:
    """At every step one is told what to type next, who is left and why; nobody else is."""

    def typed(line: str) -> ProcessResult:
        return run_to_end(base_url, *line.split())

    # Each refusal says what is missing, in the words of an option.
    assert "--encoding cp1252" in typed("audit kunden.csv").err
    assert "'Kunden-Nr', 'Straße', separated by semicolons" in typed("audit kunden.csv --encoding cp1252").err
    ids = "kunden.csv --encoding cp1252 --column Kunden-Nr"

    report = typed(f"audit {ids} --report audit.html")
    assert (report.code, "kunden.csv: 7 lines, 6 distinct." in report.err) == (3, True)
    assert "  1 key (401 or 403): check the API key" in report.err
    assert re.search(r"customer-2 +key +imin answered 403", report.out)
    unread = Path("audit.html").read_text().partition('<section id="failures"')[2].partition("</section>")[0]
    assert "imin answered 403" in unread
    assert {"customer-2"} == {f"customer-{n}" for n in range(1, 7) if f"customer-{n}" in unread}

    shown = typed(f"disconnect-all --ids {ids} --dry-run")
    assert (shown.code, "5 customers read, 1 could not be read." in shown.out) == (3, True)

    done = typed(f"disconnect-all --ids {ids} --journal j.jsonl --yes --failed left.txt")
    assert (done.code, done.out.startswith("4 customers cleared, ")) == (3, True)
    assert "  1 key (401 or 403)" in done.err
    assert "  1 in doubt (connected still, or nobody can tell)" in done.err
    assert "left.txt lists them: 2 identifiers.\nRepeat the command with --resume" in done.err
    assert sorted(Path("left.txt").read_text().split()) == ["customer-2", "customer-4"]

    url = f"{base_url}/_emulator/faults"
    urllib.request.urlopen(urllib.request.Request(url, b"{}", method="PUT")).close()
    last = typed("disconnect-all --ids left.txt --journal j.jsonl --resume --yes")
    assert (last.code, last.out.startswith("2 customers cleared, ")) == (0, True)
    assert typed(f"disconnect-all --ids {ids} --dry-run").out == (
        "Nothing connected; 6 customers read, 0 could not be read.\n"
    )

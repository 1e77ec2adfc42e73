"""The audit's page: complete, escaped, readable by everybody, in need of nothing else."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imin_accounts import Fetched, from_jsonld
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.page import MOST_ROWS, report
from imin_accounts.cli.rows import rows_of
from imin_accounts.fake import FakeImin
from tests.cli.audit.report_page import HOSTILE, page_of
from tests.cli.commands import environment, run
from tests.cli.people import NOW
from tests.cli.processes import write_ids


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is not closed where it should be"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_every_element_is_closed() -> None:
    """The page is well-formed, so that no browser has to guess."""
    assert Page(page_of()).open == []


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    """No script, no link, no picture, no font; and a policy that would forbid them."""
    page = Page(page_of(name=HOSTILE))
    tags = {tag for tag, _ in page.tags}
    attributes = {attribute for _, attributes in page.tags for attribute in attributes}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "a", "use"})
    assert attributes.isdisjoint({"src", "href", "xlink:href", "style", "action"})
    assert not any(attribute.startswith("on") for attribute in attributes)
    assert not re.search(r"url\(|@import", page_of())
    policy = dict(page.tags[[t for t, _ in page.tags].index("meta") + 2][1])
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_what_sellers_say_is_text() -> None:
    """Names, labels, errors and identifiers stand on the page as they are, as text."""
    page = Page(page_of(name=HOSTILE))
    assert "".join(page.words).count(HOSTILE) >= 8
    assert HOSTILE not in page_of(name=HOSTILE)


def test_every_chart_can_be_heard() -> None:
    """Each has a title, and a description with its figures; and the same as a table."""
    page = page_of()
    charts = re.findall(r'<svg role="img" aria-labelledby="(\S+) (\S+)"', page)
    assert len(charts) == 3
    for title, about in charts:
        assert re.search(rf'<title id="{title}">\w', page)
        assert re.search(rf'<desc id="{about}">[^<]*: \d', page)
    assert page.count("<summary>As a table</summary>") == 3
    assert '<html lang="en">' in page


def test_the_charts_show_the_figures() -> None:
    """Expiries per week, evidence by status, connections per seller."""
    page = page_of(count=7)
    assert "2 Mar: 7; 9 Mar: 0" in page
    assert "Requested: 0; Submitted: 7; Failed: 0; Unknown: 0; Completed: 0" in page
    assert '<desc id="about-3">Acme: 7; Acme: 0</desc>' in page


def test_the_longest_bar_fills_the_chart() -> None:
    """And the others are drawn to the same scale."""
    widths = re.findall(r'class="bar[^"]*" y="\d+" width="([\d.]+)%"', page_of(count=4))
    assert sorted(set(map(float, widths))) == [0.0, 100.0]


def test_the_chart_of_sellers_has_twelve_bars_at_most() -> None:
    """Those with the fewest connections are counted beside it; the table has everybody."""
    items = [
        {"@type": "Account", "seller": {"@id": f"urn:{n}"}, "dateLinked": NOW.isoformat()} for n in range(14)
    ]
    accounts = from_jsonld({"@type": "imin:Collection", "imin:item": items})
    audit = Audit(now=NOW, within=timedelta(days=30))
    audit.add(rows_of(Fetched("1", accounts), NOW))
    page = report(audit)
    assert "And 2 sellers more, with 2 connected accounts." in page
    (heard,) = re.findall('<desc id="about-3">([^<]*)</desc>', page)
    assert heard.count("urn:") == 12
    assert page.count("urn:") == 12 + 12 + 14  # heard, seen, and in the table


def test_who_is_missing_is_told() -> None:
    """At the top, not in a footnote."""
    page = page_of()
    assert "1 customer could not be read: these figures leave them out." in page.partition("<main>")[0]


def test_a_long_list_is_cut_and_says_so() -> None:
    """A page with a million rows would not open."""
    page = page_of(count=MOST_ROWS + 1)
    assert page.count(f"The first {MOST_ROWS} of {MOST_ROWS + 1}; the command's --json has all.") == 4
    assert page.count("<bdi>Acme-") == 4 * MOST_ROWS, "a customer in each row"


def test_an_audit_of_nobody_is_a_page_too() -> None:
    """With nothing on it but that."""
    page = report(Audit(now=NOW, within=timedelta(days=30)))
    assert Page(page).open == []
    assert page.count("None.") == 4


def test_the_command_writes_the_page(tmp_path: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """For its owner only, in the place of an older one."""
    fake_imin.add_customer("customer-1")
    page = tmp_path / "report.html"
    page.write_text("old")
    ids = str(write_ids(tmp_path / "ids.txt", 1))
    assert run("audit", ids, "--report", str(page), env=environment(imin_server)).code == 0
    assert "from 1 customer." in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600


def test_a_page_that_can_not_be_written_is_told(tmp_path: Path, imin_server: str) -> None:
    """Exit code 1."""
    ids = str(write_ids(tmp_path / "ids.txt", 0))
    ran = run("audit", ids, "--report", str(tmp_path / "no" / "report.html"), env=environment(imin_server))
    assert ran.code == 1
    assert "No such file or directory" in ran.err


@pytest.mark.parametrize("weeks", [1, 30, 60])
def test_labels_never_crowd(weeks: int) -> None:
    """However many weeks, at most thirteen are labelled."""
    page = page_of(within=timedelta(weeks=weeks))
    assert 9 <= page.count('class="week ') <= 13

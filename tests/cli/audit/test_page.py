"""The audit's page: complete, escaped, readable by everybody, in need of nothing else."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imin_accounts import Fetched, from_jsonld
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.page import FIRST_ROWS, MOST_ROWS, report
from imin_accounts.cli.rows import rows_of
from imin_accounts.fake import FakeImin
from tests.cli.audit.report_page import HOSTILE, audit_of, page_of
from tests.cli.commands import environment, run
from tests.cli.people import NOW, entitlement
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
        if tag not in ("meta", "wbr"):
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
    """No script, no picture, no font; links within the page only; and a policy that would forbid the rest."""
    page = Page(page_of(name=HOSTILE))
    tags = {tag for tag, _ in page.tags}
    attributes = {attribute for _, attributes in page.tags for attribute in attributes}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "use"})
    assert attributes.isdisjoint({"src", "xlink:href", "style", "action"})
    assert all(str(attributes.get("href", "#")).startswith("#") for _, attributes in page.tags)
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
    charts = re.findall(r'role="img" aria-labelledby="(\S+) (\S+)"', page)
    assert len(charts) == 3
    for title, about in charts:
        assert re.search(rf'id="{title}"( hidden)?>\w', page)
        assert re.search(rf'id="{about}"( hidden)?>[^<]*: \d', page)
    assert page.count("<summary>As a table</summary>") == 3
    assert '<html lang="en">' in page


def test_the_charts_show_the_figures() -> None:
    """Expiries per week, evidence by status, connections per seller."""
    page = page_of(count=7)
    assert "2 Mar: 7; 9 Mar: 0" in page
    assert "Requested: 0; Submitted: 7; Failed: 0; Unknown: 0; Completed: 0" in page
    assert re.search(r'id="about-3" hidden>\s*Acme: 7; Acme: 0\s*<', page)


def test_the_longest_bar_fills_the_chart() -> None:
    """And the others are drawn to the same scale."""
    widths = re.findall(r'class="bar[^"]*" width="([\d.]+)%"', page_of(count=4))
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
    (heard,) = re.findall('id="about-3" hidden>([^<]*)<', page)
    assert heard.count("urn:") == 12
    assert page.count("urn:") == 12 + 12 + 14  # heard, seen, and in the table


def test_who_is_missing_is_told() -> None:
    """At the top, not in a footnote."""
    page = page_of()
    assert "1 customer could not be read: these figures leave them out." in page.partition("<main>")[0]


def test_a_long_list_is_folded_and_cut() -> None:
    """50 rows are seen, the others up to 500 unfolded: a page with a million rows would not open."""
    page = page_of(count=MOST_ROWS + 1)
    assert page.count(f"The first {MOST_ROWS} of {MOST_ROWS + 1}; the command's --json has all.") == 4
    assert page.count("<bdi>Acme-") == 4 * MOST_ROWS, "a customer in each row"
    unfolded = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert unfolded.count("<bdi>Acme-") == 4 * FIRST_ROWS
    assert page.count(f"<summary>Rows {FIRST_ROWS + 1} to {MOST_ROWS}</summary>") == 4


def test_fifty_rows_are_not_folded() -> None:
    """Nothing to unfold, and no file to look into."""
    page = page_of(count=FIRST_ROWS)
    assert "<summary>Rows" not in page
    assert page.count("<bdi>Acme-") == 4 * FIRST_ROWS


def test_the_figures_lead_to_what_they_count_and_back() -> None:
    """Every link within the page has a target, and every section a link to the figures."""
    page = Page(page_of())
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [str(attributes["href"]).removeprefix("#") for tag, attributes in page.tags if tag == "a"]
    assert {"sellers", "expiring", "outstanding", "update_errors", "unrecognised"} < {*links}
    assert {*links} <= ids
    assert links.count("figures") == [tag for tag, _ in page.tags].count("section")


def test_the_figures_are_named_as_in_json() -> None:
    """Whoever compares the page with --json finds the same names, and the same figures."""
    audit = audit_of(count=3)
    said = {**audit.as_json(), **audit.as_json()["customers"]}
    tiles = re.findall(r"<strong>([\d,]+)</strong> <b>([a-z ]+)</b>", report(audit))
    names = [name.replace(" ", "_") for _, name in tiles]
    counts = {name: len(said[name]) if isinstance(said[name], list) else said[name] for name in said}
    counts["connected"] = sum(seller["connected"] for seller in said["sellers"])
    assert names == [
        *(
            "read",
            "failed",
            "connected",
            "expiring",
            "outstanding",
            "update_errors",
            "unrecognised",
            "troubled",
        )
    ]
    assert [int(figure) for figure, _ in tiles] == [counts[name] for name in names]


@pytest.mark.parametrize(
    ("text", "seams"),
    [
        pytest.param("Kensington", 0, id="word"),
        pytest.param("Royal Borough of Kensington and Chelsea", 0, id="words"),
        pytest.param("donaudampfschifffahrtsgesellschaft", 0, id="long word"),
        pytest.param("https://id.example.com/organizers/1", 5, id="URL"),
        pytest.param("somebody.long@mail.example.com", 4, id="address"),
        pytest.param("a" * 22 + "/b", 0, id="24 characters"),
        pytest.param("a" * 23 + "/b", 1, id="25 characters"),
    ],
)
def test_no_word_is_broken(text: str, seams: int) -> None:
    """A line may end between the parts of a long address, never within one; the text stays as it is."""
    page = page_of(name=text)
    _, seller, *_ = re.findall(r"<bdi>(.*?)</bdi></td>", page.partition('id="expiring"')[2])
    assert seller.count("<wbr>") == seams
    assert seller.replace("<wbr>", "") == text
    assert "anywhere" not in page
    assert "break-all" not in page


def test_an_audit_of_nobody_is_a_page_too() -> None:
    """With nothing on it but that."""
    page = report(Audit(now=NOW, within=timedelta(days=30)))
    assert Page(page).open == []
    assert page.count("None.") == 5


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


def test_what_has_ended_is_counted_below_the_weeks() -> None:
    """It stands in no week that is to come."""
    entitlements = [
        entitlement(str(n), ends=NOW + timedelta(days=days)) for n, days in enumerate((-9, -1, 9))
    ]
    account = {"@type": "Account", "seller": {"@id": "urn:1"}, "dateLinked": "2021-01-27T12:00:00Z"}
    reply = from_jsonld({"imin:item": [account | {"entitlement": entitlements}]})
    audit = Audit(now=NOW, within=timedelta(days=30))
    audit.add(rows_of(Fetched("1", reply), NOW))
    assert "2 entitlements that sellers list ended earlier." in report(audit)

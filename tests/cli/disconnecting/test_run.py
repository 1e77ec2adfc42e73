"""Disconnecting everything: certain, or honest about what is not; the journal agrees with what imin has."""

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imin_accounts import (
    AccountsSession,
    AuthenticationError,
    IminError,
    NotFound,
    RateLimited,
    RetryPolicy,
    TransportError,
)
from imin_accounts.cli._disconnecting.journal import Journal
from imin_accounts.cli._disconnecting.run import Disconnecting
from imin_accounts.cli._failures import Failure, Failures, Kind
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.fake import (
    Drift,
    Drifted,
    Drop,
    FakeImin,
    Malformed,
    OtherCustomer,
    Rule,
    Status,
    add_crowd,
)
from imin_accounts.fake._rules import Effect
from imin_accounts.transports import Response
from tests.cli.emulator_process import emulator_process
from tests.cli.people import NOW
from tests.cli.processes import little_room, run_to_end, signal_when, start, write_ids
from tests.length import LONG
from tests.scripted import CONNECTED, NO_CONTENT, ManualClock, ScriptedTransport, reply, runtime

CUSTOMERS = 10_000 if LONG else 150
FAULTS: tuple[Effect, ...] = (
    Drop(processed=True),
    Drop(processed=False),
    Status(503),
    Status(500, processed=True),
    Malformed(),
    OtherCustomer(),
)


class Runs:
    """Disconnects the customers of an emulated imin, run after run, with one journal."""

    def __init__(self, fake: FakeImin, journal: Path) -> None:
        self.fake = fake
        self.path = journal
        self.at_first = connected(fake)

    async def run(self, *customers: str, key: str = "test-key", attempts: int = 3) -> Disconnecting:
        """Go on, once."""
        clock = ManualClock()
        session = AccountsSession(
            key, transport=self.fake, retry=RetryPolicy(attempts=attempts), runtime=runtime(clock)
        )
        with closing(Journal(self.path, now=lambda: datetime.now(UTC))) as journal, Pending() as pending:
            work = Disconnecting(session, journal)
            pending.add(customers or self.fake.population.people)
            work.resume(pending)
            await work.run(pending, concurrency=16, tally=Tally())
        return work

    @property
    def events(self) -> list[dict[str, Any]]:
        """What stands in the journal."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def pairs(self, event: str) -> list[tuple[str, str]]:
        """Of whom and whose the journal says so."""
        return [(e["customer"], e["seller"]) for e in self.events if e["event"] == event and "seller" in e]

    def check_journal(self) -> None:
        """The journal agrees with what the emulated imin has, whatever was done so far."""
        done, intended = set(self.pairs("disconnected")), set(self.pairs("intended"))
        assert done.isdisjoint(connected(self.fake)), "the journal claims what is not so"
        assert self.at_first - connected(self.fake) <= intended, "something was done that nobody intended"
        cleared = {e["customer"] for e in self.events if e["event"] == "cleared"}
        assert cleared.isdisjoint(customer for customer, _ in connected(self.fake))


REFUSED, FORBIDDEN = TransportError("refused", maybe_sent=False), AuthenticationError(403)
NOT_FOUND = NotFound(404)


def failures(*errors: IminError) -> Failures:
    """Customers who ended in these errors."""
    return Failures(Failure.of(str(n), error) for n, error in enumerate(errors))


def connected(fake: FakeImin) -> set[tuple[str, str]]:
    """Who is connected with whom."""
    return set(fake.population.connections)


@pytest.fixture
def runs(fake_imin: FakeImin, tmp_path: Path) -> Runs:
    """Customers with three sellers each."""
    add_crowd(fake_imin, sellers=3, customers=CUSTOMERS)
    return Runs(fake_imin, tmp_path / "journal.jsonl")


async def test_every_connected_account_is_disconnected(runs: Runs) -> None:
    """And nothing else is touched: each is intended once, done once, and every customer is cleared."""
    work = await runs.run()
    assert (work.exit_code, work.cleared, work.open) == (0, CUSTOMERS, 0)
    assert not connected(runs.fake)
    assert sorted(runs.pairs("intended")) == sorted(runs.at_first)
    assert sorted(runs.pairs("disconnected")) == sorted(runs.at_first)


async def test_with_a_fifth_of_all_requests_failing_it_ends_certain(runs: Runs) -> None:
    """Run after run the journal agrees with imin; at the end exactly, with nobody connected."""
    runs.fake.faults.add(*(Rule(effect, probability=0.2 / len(FAULTS)) for effect in FAULTS))
    unfinished = 0
    while (work := await runs.run(attempts=1)).exit_code != 0:
        assert work.exit_code == 3
        runs.check_journal()
        unfinished += 1
    assert unfinished > 1
    assert not connected(runs.fake)
    assert set(runs.pairs("disconnected")) == runs.at_first
    assert len({e["customer"] for e in runs.events if e["event"] == "cleared"}) == CUSTOMERS
    failed = len(runs.pairs("failed"))
    accounts = len(runs.at_first)
    print(
        f"{CUSTOMERS:,} customers, {accounts:,} accounts: {unfinished + 1} runs, {failed:,} failed attempts"
    )


@pytest.mark.parametrize(
    ("effect", "endpoint"),
    [
        pytest.param(Drop(processed=True), "delete_seller_account", id="the answer is lost"),
        pytest.param(Status(500, processed=True), "delete_seller_account", id="done, but an error"),
        pytest.param(Status(404, processed=True), "delete_seller_account", id="done, but not found"),
    ],
)
async def test_what_the_last_read_shows_is_certain(effect: Effect, endpoint: Any, runs: Runs) -> None:
    """However the DELETE ended, the customer's next read tells that the account is gone."""
    [(customer, seller), *_] = sorted(runs.at_first)
    runs.fake.faults.add(Rule(effect, endpoint=endpoint, customer=customer))
    assert (await runs.run(customer, attempts=1)).exit_code == 0
    assert (customer, seller) in runs.pairs("disconnected")


@pytest.mark.parametrize(
    ("effect", "nth", "error"),
    [
        pytest.param(Drop(), None, "TransportError", id="imin is gone"),
        pytest.param(Drop(), range(2, 99), "TransportError", id="no answer to the last read"),
        pytest.param(Drifted(Drift.NO_ID), range(2, 99), "UnexpectedResponse", id="about nobody"),
        pytest.param(Status(403), None, "AuthenticationError", id="not allowed"),
    ],
)
async def test_who_can_not_be_seen_to_be_cleared_stays_open(
    effect: Effect, nth: range | None, error: str, runs: Runs
) -> None:
    """Only a good read of everything clears a customer; the next run tries again."""
    [(customer, _), *_] = sorted(runs.at_first)
    runs.fake.faults.add(Rule(effect, endpoint="get_seller_accounts", nth=nth, customer=customer))
    work = await runs.run(customer, attempts=1)
    assert work.exit_code != 0
    assert runs.events[-1] | {"at": ""} == {
        "at": "", "event": "failed", "customer": customer, "error": error,
    }  # fmt: skip
    runs.fake.faults.clear()
    assert (await runs.run(customer)).exit_code == 0


SELLER = "https://id.bookingsystem.example.com/organizers/1"
COLLECTION = {"@id": "https://book.imin.co/api/v2/customers/1234/accounts", "@type": "imin:Collection"}
UNLISTED = reply(200, COLLECTION)
UNREADABLE = reply(200, {**COLLECTION, "imin:item": [{"@type": "Account", "seller": {"@id": SELLER}}]})


async def run_once(replies: list[Response], journal: Path, tally: Tally | None = None) -> Disconnecting:
    """What a run for one customer comes to while imin answers so."""
    session = AccountsSession("test-key", transport=ScriptedTransport(replies))
    with closing(Journal(journal, now=lambda: NOW)) as opened, Pending() as pending:
        work = Disconnecting(session, opened)
        pending.add(["1234"])
        await work.run(pending, concurrency=1, tally=tally or Tally())
    return work


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([UNREADABLE], id="an item that may be a connected account"),
        pytest.param([CONNECTED, NO_CONTENT, CONNECTED], id="confirmed, but listed as connected"),
        pytest.param([CONNECTED, NO_CONTENT, UNREADABLE], id="confirmed, but unreadable"),
        pytest.param([CONNECTED, reply(403), UNLISTED], id="not done, and not listed any more"),
        pytest.param([CONNECTED, reply(403), UNREADABLE], id="not done, and unreadable"),
    ],
)
async def test_a_contradiction_clears_nobody(replies: list[Response], tmp_path: Path) -> None:
    """Only a read in which every account is seen not to be connected does."""
    work = await run_once(replies, tmp_path / "journal.jsonl")
    assert (work.cleared, work.open) == (0, 1)


LINKED = {"dateLinked": "2021-01-27T12:00:00Z"}
KNOWN = {"imin:matchingEmailExists": True}


def listing(*items: dict[str, Any], **members: Any) -> Response:
    """A reply with items of these members about the one seller."""
    about = [{"@type": "Account", "seller": {"@id": SELLER}, **item} for item in items]
    return reply(200, {**COLLECTION, "imin:item": about, **members})


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(listing(LINKED | KNOWN), id="contradictory"),
        pytest.param(listing(KNOWN, KNOWN), id="doubled"),
        pytest.param(listing(LINKED, KNOWN), id="doubled, and not alike"),
        pytest.param(listing({}), id="not recognised"),
        pytest.param(listing(), id="not listed"),
        pytest.param(listing(KNOWN, **{"@id": None}), id="about nobody"),
    ],
)
async def test_what_does_not_tell_is_journalled_as_nothing_done(last: Response, tmp_path: Path) -> None:
    """After a refused DELETE only a read that certainly shows the account gone makes it disconnected."""
    path = tmp_path / "journal.jsonl"
    work = await run_once([CONNECTED, reply(403), last], path)
    assert (work.cleared, work.open, work.has_acted) == (0, 1, True)
    told = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    assert told[:2] == ["intended", "failed"]
    assert set(told[2:]) <= {"failed"}


@pytest.mark.parametrize(
    ("replies", "counts"),
    [
        pytest.param([reply(404)], (0, 1), id="never known"),
        pytest.param([CONNECTED, NO_CONTENT, reply(404)], (0, 1), id="confirmed, and not known any more"),
        pytest.param([CONNECTED, reply(403), reply(404)], (1, 0), id="not done, and not known any more"),
    ],
)
async def test_not_found_clears_nobody(
    replies: list[Response], counts: tuple[int, int], tmp_path: Path
) -> None:
    """Whom imin does not know is unknown; open, where an account was found and not seen to be gone."""
    work = await run_once(replies, tmp_path / "journal.jsonl")
    assert (work.cleared, work.open, work.unknown) == (0, *counts)


async def test_a_seller_listed_twice_is_disconnected_once(tmp_path: Path) -> None:
    """One intention and one DELETE; a read that shows one account, not connected, clears the customer."""
    path = tmp_path / "journal.jsonl"
    work = await run_once([listing(LINKED, LINKED), NO_CONTENT, listing(KNOWN)], path)
    assert (work.cleared, work.open) == (1, 0)
    told = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    assert told == ["intended", "disconnected", "cleared"]


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        pytest.param({}, 0, id="nobody"),
        pytest.param({"cleared": 2}, 0, id="all cleared"),
        pytest.param({"cleared": 1, "unknown": 1}, 3, id="the others unknown"),
        pytest.param({"unknown": 2, "failures": failures(NOT_FOUND)}, 1, id="all unknown"),
        pytest.param({"open": 2, "failures": failures(FORBIDDEN, FORBIDDEN)}, 4, id="not allowed to"),
        pytest.param({"cleared": 1, "open": 1}, 3, id="some cleared"),
        pytest.param({"left": 1}, 3, id="interrupted"),
        pytest.param({"unknown": 1, "left": 1}, 3, id="interrupted, and none known"),
        pytest.param({"open": 2, "failures": failures(REFUSED, FORBIDDEN)}, 1, id="one without a reply"),
        pytest.param({"open": 2, "failures": failures(REFUSED, REFUSED)}, 5, id="none with a reply"),
    ],
)
def test_the_exit_code_of_a_run_that_disconnected_nothing(
    counts: dict[str, Any], code: int, tmp_path: Path
) -> None:
    """Partly done is what cleared or left somebody; otherwise it says why not."""
    with closing(Journal(tmp_path / "journal.jsonl", now=lambda: NOW)) as journal:
        assert Disconnecting(AccountsSession("test-key"), journal, **counts).exit_code == code


async def test_what_was_disconnected_makes_it_partly_done(tmp_path: Path) -> None:
    """Even where the customer is not cleared, since the last read failed."""
    work = await run_once([CONNECTED, NO_CONTENT, reply(403)], tmp_path / "journal.jsonl")
    assert (work.cleared, work.open, work.exit_code) == (0, 1, 3)


def test_a_journal_adds_nobody_to_a_run(tmp_path: Path) -> None:
    """Whom it knows and nobody asks about is neither counted nor asked about."""
    with closing(Journal(tmp_path / "journal.jsonl", now=lambda: NOW)) as journal, Pending() as pending:
        for customer in ("1", "3"):
            journal.clear(customer)
        for customer in ("2", "4"):
            journal.miss(customer)
        pending.add(["1", "2", "5"])
        work = Disconnecting(AccountsSession("test-key"), journal)
        work.resume(pending)
        assert (work.cleared, list(pending)) == (1, ["5", "2"])


@pytest.mark.parametrize(("last", "failed"), [(listing(KNOWN), 0), (listing({}), 1)], ids=["gone", "open"])
async def test_the_progress_tells_who_was_not_cleared(last: Response, failed: int, tmp_path: Path) -> None:
    """Each customer is done; as failed counts who is not certainly cleared."""
    tally = Tally()
    await run_once([CONNECTED, NO_CONTENT, last], tmp_path / "journal.jsonl", tally)
    assert (tally.done, tally.failed) == (1, failed)


@pytest.mark.parametrize("endpoint", ["get_seller_accounts", "delete_seller_account"])
async def test_a_hold_leaves_nobody_open(endpoint: Any, runs: Runs) -> None:
    """Imin says to wait for a minute, longer than a call may take: everybody waits, and is cleared."""
    runs.fake.faults.add(Rule(Status(429, retry_after=60), endpoint=endpoint, nth=range(20, 25)))
    work = await runs.run()
    assert (work.exit_code, work.cleared, work.open) == (0, CUSTOMERS, 0)
    assert not runs.pairs("failed")


async def test_nobody_through_for_long_ends_everything(runs: Runs) -> None:
    """It does not fail for everybody: the run ends, and says why."""
    runs.fake.faults.add(Rule(Status(429, retry_after=60), nth=range(20, 9_999)))
    work = await runs.run()
    assert isinstance(work.error, RateLimited)
    assert work.open <= 16
    assert len(runs.fake.requests) < 300
    runs.check_journal()


async def test_a_refused_key_ends_everything(runs: Runs) -> None:
    """It does not fail for everybody; nothing was intended, nothing done."""
    work = await runs.run(key="another-key")
    assert work.error is not None
    assert len(runs.fake.requests) <= 16
    assert connected(runs.fake) == runs.at_first


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        pytest.param(Drop(), 5, id="nobody there"),
        pytest.param(Status(403), 4, id="refused"),
    ],
)
async def test_where_nothing_was_done_the_exit_code_says_why(effect: Effect, code: int, runs: Runs) -> None:
    """Nothing partly: nothing at all."""
    runs.fake.faults.add(Rule(effect))
    assert (await runs.run(attempts=1)).exit_code == code


# --- Killed --------------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.jsonl"


def events(journal: Path) -> Iterator[tuple[str, str, str | None]]:
    """Event, customer and seller of each whole line."""
    for line in journal.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            event = json.loads(line)
            yield event["event"], event["customer"], event.get("seller")


def test_an_interrupt_finishes_whom_it_has_begun_with(tmp_path: Path, journal: Path) -> None:
    """Exit code 3; whoever was begun with is cleared, nothing is open."""
    ids = write_ids(tmp_path / "ids.txt", 120)
    with emulator_process(customers=120) as imin:
        imin.hold(after=150)
        process = start(imin.base_url, "disconnect-all", "--ids", ids, "--journal", journal, "--yes")
        ended = imin.signal_at(101, process, signal.SIGINT)
    told = list(events(journal))
    begun = {customer for event, customer, _ in told if event == "intended"}
    cleared = {customer for event, customer, _ in told if event == "cleared"}
    assert (ended.code, begun <= cleared, len(cleared) < 120) == (3, True, True)
    assert "Repeat the command with --resume to go on." in ended.err


def test_an_interrupt_during_a_hold_ends_it_at_once(
    tmp_path: Path, journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Nothing is under way, so nobody is waited for; what was done is written down, and --resume goes on."""
    add_crowd(fake_imin, sellers=3, customers=60)
    fake_imin.faults.add(Rule(Status(429, retry_after=3_000), nth=range(50, 999)))
    ids = write_ids(tmp_path / "ids.txt", 60)
    command = ("disconnect-all", "--ids", ids, "--journal", journal, "--yes")
    process = start(imin_server, *command)
    ended = signal_when(process, lambda: len(fake_imin.requests) >= 50, signal.SIGTERM)
    assert (ended.code, "Error" in ended.err) == (3, False)
    assert "Repeat the command with --resume to go on." in ended.err
    fake_imin.faults.clear()
    assert run_to_end(imin_server, *command, "--resume").code == 0
    assert connected(fake_imin) == set()


def test_nothing_is_done_that_can_not_be_written_down(
    tmp_path: Path, journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """No room for the journal: it says so, and whatever is gone was intended in it."""
    add_crowd(fake_imin, sellers=3, customers=60)
    at_first, ids = connected(fake_imin), write_ids(tmp_path / "ids.txt", 60)
    command = ("disconnect-all", "--ids", ids, "--journal", journal, "--yes")
    ended = run_to_end(imin_server, *command, preexec=little_room)
    assert ended.code == 3
    assert f"Error: can't write {journal}: File too large." in ended.err
    intended = {(customer, seller) for event, customer, seller in events(journal) if event == "intended"}
    assert set() < at_first - connected(fake_imin) <= intended < at_first
    assert run_to_end(imin_server, *command, "--resume").code == 0
    assert connected(fake_imin) == set()


def test_killed_it_goes_on(tmp_path: Path, journal: Path) -> None:
    """After SIGKILLs at any moment, the next run knows all that was begun, and ends certain."""
    kills, count = (10, 2_000) if LONG else (2, 60)
    ids = write_ids(tmp_path / "ids.txt", count)
    command = ("disconnect-all", "--ids", ids, "--journal", journal, "--resume", "--yes")
    with emulator_process(customers=count) as imin:
        for _ in range(kills):
            due = imin.requests() + 2 * count // (kills + 1)
            imin.hold(after=due + count // 10)
            process = start(imin.base_url, *command)
            assert imin.signal_at(due, process, signal.SIGKILL).code == -9
        assert run_to_end(imin.base_url, *command).code == 0
        shown = run_to_end(imin.base_url, "disconnect-all", "--ids", ids, "--dry-run", "--json")
        assert json.loads(shown.out)["connected"] == []
    told = list(events(journal))
    done = {(customer, seller) for event, customer, seller in told if event == "disconnected"}
    assert {(customer, seller) for event, customer, seller in told if event == "intended"} == done
    assert {customer for event, customer, _ in told if event == "cleared"} == set(ids.read_text().split())


async def test_what_an_earlier_run_left_in_doubt_is_told(tmp_path: Path) -> None:
    """Where the accounts don't show it any more: the customer is open, and it is said why, by name."""
    path = tmp_path / "journal.jsonl"
    with closing(Journal(path, now=lambda: NOW)) as journal:
        await journal.intend("1234", [SELLER])
    session = AccountsSession("test-key", transport=ScriptedTransport([UNLISTED]))
    with closing(Journal(path, now=lambda: NOW)) as journal, Pending() as pending:
        work = Disconnecting(session, journal)
        pending.add(["1234"])
        work.resume(pending)
        await work.run(pending, concurrency=1, tally=Tally())
    [failure] = work.failures
    assert (work.open, failure.seller, failure.kind) == (1, SELLER, Kind.IN_DOUBT)
    last = json.loads(path.read_text().splitlines()[-1])
    assert (last["event"], last["seller"], last["error"]) == ("failed", SELLER, "OutcomeUnknown")

"""What a feed promises: every change at least once, in order, whatever goes wrong in between."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from imin_accounts import (
    AuthenticationError,
    Failed,
    InvalidRequest,
    NotFound,
    RetryPolicy,
    SessionStateError,
)
from imin_accounts.fake import FakeImin, Flaw, Malformed, Rule, Status
from imin_accounts.feed import ChangeFeed, SqliteSnapshots, Update
from imin_accounts.transports import Response
from tests import scripted
from tests.feed.imin import SELLER, HeldImin, feeding, impatient, kinds, session, told
from tests.scripted import CONNECTED, GONE, ManualClock, ScriptedTransport, accounts_of, reply

LINKED = ["AccountConnected"]
NEW = ["SellerAdded"]


async def first(updates: AsyncIterator[Update | Failed]) -> Update | Failed:
    """The next update, which is left with that."""
    return await anext(updates)


async def test_a_note_becomes_what_has_changed(imin: HeldImin) -> None:
    """At first all there is; then what is new; then nothing."""
    async with feeding(imin) as feed:
        await feed.note("abc")
        assert await told(feed) == [("abc", NEW)]
        imin.fake.connect("abc", SELLER)
        await feed.note("abc")
        assert await told(feed) == [("abc", LINKED)]
        await feed.note("abc")
        assert await told(feed) == []


async def test_an_update_has_the_accounts(imin: HeldImin) -> None:
    """As they were read, beside the changes; the customer does not show."""
    async with feeding(imin) as feed:
        await feed.note("abc")
        update = await first(feed.until_idle())
        assert isinstance(update, Update)
        assert (update.customer, update.accounts.customer) == ("abc", "abc")
        assert update.changes[0].now == update.accounts[0]
        assert "abc" not in repr(update)


async def test_a_round_tells_only_of_who_has_changed(imin: HeldImin) -> None:
    """Everybody is read, once."""
    everybody = [f"c{number}" for number in range(100)]
    imin.add(*everybody)
    async with feeding(imin) as feed:
        await feed.note_all(everybody, baseline=True)
        assert await told(feed) == []
        imin.fake.connect("c17", SELLER)
        await feed.note_all(everybody)
        assert await told(feed) == [("c17", LINKED)]
    assert imin.reads == dict.fromkeys(everybody, 2)


async def test_a_baseline_hides_nothing_that_was_noted(imin: HeldImin) -> None:
    """Whoever was noted otherwise is told of, whichever came first; who is known is compared."""
    async with feeding(imin) as feed:
        await feed.note("abc")
        await feed.note_all(["abc", "xyz"], baseline=True)
        await feed.note("xyz")
        assert await told(feed) == [("abc", NEW), ("xyz", NEW)]
        imin.fake.connect("abc", SELLER)
        await feed.note_all(["abc"], baseline=True)
        assert await told(feed) == [("abc", LINKED)]


async def test_notes_merge(imin: HeldImin) -> None:
    """Whoever waits to be read is read once, however often they were noted."""
    async with feeding(imin) as feed:
        await feed.note_all(["abc", "abc", "xyz"])
        await feed.note("abc")
        await told(feed)
    assert imin.reads == {"abc": 1, "xyz": 1}


async def test_who_was_notified_comes_first(imin: HeldImin) -> None:
    """A night's round waits for notifications, not they for it."""
    imin.add(*map(str, range(5)))
    async with feeding(imin, concurrency=1) as feed:
        await feed.note_all(map(str, range(5)))
        await feed.note("abc")
        await feed.note("4")
        assert [customer for customer, _ in await told(feed)] == ["4", "abc", "0", "1", "2", "3"]


async def test_a_note_during_a_read_causes_another(imin: HeldImin) -> None:
    """The read may have been answered before what the note is about."""
    imin.open.clear()
    async with feeding(imin) as feed:
        await feed.note("abc")
        updates = feed.until_idle()
        waiting = asyncio.ensure_future(first(updates))
        while not imin.reads:
            await asyncio.sleep(0)
        imin.fake.connect("abc", SELLER)
        await feed.note("abc")
        imin.open.set()
        assert kinds(await waiting) == NEW
        assert [kinds(each) async for each in updates] == [LINKED]
    assert imin.reads["abc"] == 2
    assert imin.most == 1


async def test_a_note_while_an_update_is_worked_on(imin: HeldImin) -> None:
    """Nobody reads the customer until that is done: updates of one customer come in order."""
    async with feeding(imin) as feed:
        await feed.note("abc")
        seen = []
        async for update in feed.until_idle():
            seen.append(kinds(update))
            if len(seen) == 1:
                imin.fake.connect("abc", SELLER)
                await feed.note("abc")
                assert imin.reads["abc"] == 1
        assert seen == [NEW, LINKED]


async def test_many_are_read_at_once_one_customer_never(imin: HeldImin) -> None:
    """As many as ``concurrency`` says."""
    everybody = [f"c{number}" for number in range(20)]
    imin.add(*everybody)
    imin.open.clear()
    async with feeding(imin, concurrency=8) as feed:
        await feed.note_all(everybody)
        waiting = asyncio.ensure_future(first(feed.until_idle()))
        while len(imin.reads) < 8:
            await asyncio.sleep(0)
        for customer in everybody:
            await feed.note(customer)
        assert len(imin.reads) == 8
        imin.open.set()
        await waiting
    assert imin.most == 1


# --- Ends -------------------------------------------------------------------------------------------


async def failing(feed: ChangeFeed) -> None:
    """A consumer that fails at its first update."""
    async for _ in feed.until_idle():
        raise RuntimeError("body")


async def test_a_body_that_raises_gets_its_update_again(imin: HeldImin) -> None:
    """In the same feed, as it was read first."""
    async with feeding(imin) as feed:
        await feed.note("abc")
        with pytest.raises(RuntimeError, match="body"):
            await failing(feed)
        assert await told(feed) == [("abc", NEW)]
        assert await told(feed) == []


async def test_a_loop_that_is_left_gets_its_update_again(imin: HeldImin, tmp_path: Path) -> None:
    """In the next process, too: what was not done was not kept."""
    for _ in range(2):
        async with feeding(imin, tmp_path / "a.db") as feed:
            await feed.note_all(["abc", "xyz"])
            async for update in feed:
                assert kinds(update) == NEW
                break
    async with feeding(imin, tmp_path / "a.db") as feed:
        assert sorted(await told(feed)) == [("abc", NEW), ("xyz", NEW)]
    async with feeding(imin, tmp_path / "a.db") as feed:
        assert await told(feed) == []


async def test_a_cancelled_consumer_loses_nothing(imin: HeldImin) -> None:
    """While it waits, and while its body runs."""
    imin.open.clear()
    async with feeding(imin) as feed:
        await feed.note("abc")
        waiting = asyncio.ensure_future(first(feed.until_idle()))
        while not imin.reads:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        imin.open.set()
        assert await told(feed) == [("abc", NEW)]


async def consume(feed: ChangeFeed, done: list[str]) -> None:
    """Note who is done with."""
    async for update in feed.until_idle():
        await asyncio.sleep(0)
        done.append(update.customer)


async def cancelled_after(steps: int, task: "asyncio.Task[None]") -> None:
    """Cancel a task once the event loop has gone round so often."""
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_cancelled_at_any_point_nothing_is_lost(imin: HeldImin) -> None:
    """However far a consumer has come: the next one finds all that it was not done with."""
    for steps in range(60):
        done: list[str] = []
        async with feeding(imin) as feed:
            await feed.note_all(["abc", "xyz"])
            await cancelled_after(steps, asyncio.ensure_future(consume(feed, done)))
            again = [customer for customer, _ in await told(feed)]
            assert {*done, *again} == {"abc", "xyz"}
            assert len(done) + len(again) <= 3


async def test_cancelled_on_leaving_nothing_is_lost(imin: HeldImin, tmp_path: Path) -> None:
    """The file is closed in order, and the next process finds the rest."""
    for steps in range(0, 40, 5):
        done: list[str] = []
        path = tmp_path / f"{steps}.db"

        async def whole(path: Path = path, done: list[str] = done) -> None:
            async with feeding(imin, path) as feed:
                await feed.note_all(["abc", "xyz"])
                await consume(feed, done)

        await cancelled_after(steps, asyncio.ensure_future(whole()))
        async with feeding(imin, path) as feed:
            await feed.note_all({"abc", "xyz"}.difference(done))
            again = [customer for customer, _ in await told(feed)]
            assert {*done, *again} == {"abc", "xyz"}


async def test_a_new_iteration_ends_the_one_before(imin: HeldImin) -> None:
    """Two would tear a customer's updates apart; that says so."""
    async with feeding(imin) as feed:
        await feed.note_all(["abc", "xyz"])
        one, other = feed.until_idle(), feed.until_idle()
        told_of = [await first(one), await first(other)]
        assert {update.customer for update in told_of} == {"abc", "xyz"}
        with pytest.raises(SessionStateError):
            await first(one)


async def test_two_tasks_can_not_wait_at_once(imin: HeldImin) -> None:
    """One iterates."""
    async with feeding(imin, runtime=impatient(ManualClock())) as feed:
        waiting = asyncio.ensure_future(first(aiter(feed)))
        await asyncio.sleep(0)
        with pytest.raises(SessionStateError):
            await first(aiter(feed))
        await feed.note("abc")
        assert kinds(await waiting) == NEW


async def test_without_an_end_it_waits_for_notes(imin: HeldImin) -> None:
    """A note that another process commits is found too: that one is looked for every now and then."""
    async with feeding(imin) as feed:
        updates = aiter(feed)
        for number in range(3):
            waiting = asyncio.ensure_future(first(updates))
            await asyncio.sleep(0)
            imin.fake.connect("abc", SELLER, access_pass=str(number))
            await feed.note("abc")
            assert (await waiting).customer == "abc"


# --- Reads that fail --------------------------------------------------------------------------------


async def test_a_failed_read_comes_again(imin: HeldImin) -> None:
    """After a wait that doubles, within its bound; the update is not lost."""
    imin.fake.faults.add(Rule(Status(500), endpoint="get_seller_accounts", customer="abc", nth=(1, 2, 3)))
    clock = ManualClock()
    async with feeding(
        imin, runtime=impatient(clock), retry=RetryPolicy(attempts=9, base=2, maximum=60)
    ) as feed:
        await feed.note_all(["abc", "xyz"])
        assert sorted(await told(feed)) == [("abc", NEW), ("xyz", NEW)]
    assert imin.reads["abc"] == 4
    assert sum(clock.slept) >= 1 + 2 + 4  # half of the bounds


async def test_retry_after_is_obeyed(imin: HeldImin) -> None:
    """imin may ask for longer than the policy."""
    imin.fake.faults.add(Rule(Status(500, retry_after=600), customer="abc", nth=1))
    clock = ManualClock()
    async with feeding(imin, runtime=impatient(clock)) as feed:
        await feed.note("abc")
        assert await told(feed) == [("abc", NEW)]
    assert sum(clock.slept) >= 600


async def test_an_error_after_so_many_tries_is_delivered(imin: HeldImin) -> None:
    """As ``Failed``; once its body is done the note ends. What was known stays, and the next note is new."""
    async with feeding(imin, retry=RetryPolicy(attempts=3)) as feed:
        await feed.note_all(["abc"], baseline=True)
        await told(feed)
        imin.fake.faults.add(Rule(Status(500), customer="abc"))
        await feed.note("abc")
        assert await told(feed) == [("abc", ["ResponseError"])]
        assert await told(feed) == []
        imin.fake.faults.clear()
        imin.fake.connect("abc", SELLER)
        await feed.note("abc")
        assert await told(feed) == [("abc", LINKED)]
    assert imin.reads["abc"] == 1 + 3 + 1


async def test_five_reads_are_made_unless_told_otherwise(imin: HeldImin) -> None:
    """As the documentation of the argument shows."""
    imin.fake.faults.add(Rule(Status(500), customer="abc"))
    async with feeding(imin) as feed:
        await feed.note("abc")
        assert await told(feed) == [("abc", ["ResponseError"])]
    assert imin.reads["abc"] == 5


async def test_an_unknown_customer_is_delivered_at_once(imin: HeldImin) -> None:
    """Another try would not find them."""
    async with feeding(imin) as feed:
        await feed.note("nobody")
        [failed] = [each async for each in feed.until_idle()]
        assert isinstance(failed, Failed)
        assert isinstance(failed.error, NotFound)
        assert await told(feed) == []
    assert imin.reads["nobody"] == 1


async def meet_a_wrong_key(feed: ChangeFeed, imin: HeldImin) -> None:
    """An iteration over two customers that ends by imin's 401; afterwards the key is right again."""
    await feed.note_all(["abc", "xyz"])
    imin.fake.faults.add(Rule(Status(401)))
    with pytest.raises(AuthenticationError):
        await told(feed)
    imin.fake.faults.clear()


async def test_a_wrong_key_stops_the_feed(imin: HeldImin) -> None:
    """With its error; nobody's note is lost by it."""
    async with feeding(imin) as feed:
        await meet_a_wrong_key(feed, imin)
        assert sorted(await told(feed)) == [("abc", NEW), ("xyz", NEW)]


async def test_who_is_forgotten_after_an_end_is_not_waited_for(imin: HeldImin) -> None:
    """Whoever was to be read when the key was refused was put back: nobody is left, and the feed is idle."""
    async with feeding(imin) as feed:
        await meet_a_wrong_key(feed, imin)
        for customer in ("abc", "xyz"):
            await feed.forget(customer)
        async with asyncio.timeout(20):
            assert await told(feed) == []


async def test_a_reply_that_cant_be_read_is_a_failed_read(imin: HeldImin) -> None:
    """And so is one about somebody else: nothing is compared with it."""
    imin.fake.faults.add(Rule(Malformed(Flaw.TRUNCATED), customer="abc", nth=1))
    async with feeding(imin) as feed:
        await feed.note("abc")
        assert await told(feed) == [("abc", NEW)]


async def test_in_an_outage_not_everybody_is_tried(imin: HeldImin) -> None:
    """Those who wait for another try are few, however many are noted: memory and imin are spared."""
    everybody = [f"c{number}" for number in range(200)]
    imin.add(*everybody)
    imin.fake.faults.add(Rule(Status(500)))
    async with feeding(imin, concurrency=4, retry=RetryPolicy(attempts=50)) as feed:
        await feed.note_all(everybody)
        waiting = asyncio.ensure_future(first(feed.until_idle()))
        while imin.reads.total() < 400:
            await asyncio.sleep(0)
        waiting.cancel()
        assert len(imin.reads) <= 4 * 4 + 4


# --- What is kept -----------------------------------------------------------------------------------


UNREADABLE = reply(
    200,
    {
        "@id": "https://book.imin.co/api/v2/customers/1234/accounts",
        "@type": "imin:Collection",
        "imin:item": [{"seller": {"@type": "Organization", "@id": scripted.SELLER}}],
    },
)
MISSING = accounts_of()
SCRIPTS = {
    "gone at once": ([CONNECTED, GONE], [["AccountDisconnected"]]),
    "connected - unreadable - gone": (
        [CONNECTED, UNREADABLE, UNREADABLE, GONE],
        [["SellerUnreadable"], ["AccountDisconnected"]],
    ),
    "connected - unreadable - connected": ([CONNECTED, UNREADABLE, CONNECTED], [["SellerUnreadable"]]),
    "twice unreadable": (
        [CONNECTED, UNREADABLE, CONNECTED, UNREADABLE],
        [["SellerUnreadable"], ["SellerUnreadable"]],
    ),
    "connected - missing - gone": ([CONNECTED, MISSING, GONE], [["SellerRemoved"], ["SellerAdded"]]),
}


@pytest.mark.parametrize(("replies", "expected"), SCRIPTS.values(), ids=SCRIPTS)
async def test_what_cant_be_read_hides_nothing(
    replies: list[Response], expected: list[list[str]], tmp_path: Path
) -> None:
    """It is told once, by whatever process; what has changed meanwhile is told when it can be read again."""
    imin, found = ScriptedTransport(replies), []
    for number in range(len(replies)):
        async with feeding(imin, tmp_path / "a.db") as feed:
            await feed.note_all(["1234"], baseline=number == 0)
            found += [each for _, each in await told(feed)]
    assert found == expected


async def test_forgetting(imin: HeldImin) -> None:
    """Snapshot and note go; what is under way is dropped; a later note begins anew."""
    imin.open.clear()
    async with feeding(imin) as feed:
        await feed.note_all(["abc", "xyz"])
        updates = feed.until_idle()
        waiting = asyncio.ensure_future(first(updates))
        while len(imin.reads) < 2:
            await asyncio.sleep(0)
        await feed.forget("abc")
        imin.open.set()
        assert (await waiting).customer == "xyz"
        await feed.forget("xyz")
        assert [each async for each in updates] == []
        assert [await feed.snapshot(each) for each in ("abc", "xyz")] == [None, None]
        await feed.note("abc")
        assert await told(feed) == [("abc", NEW)]


async def test_what_comes_again_is_the_same(imin: HeldImin, tmp_path: Path) -> None:
    """Whatever has changed at imin since it was handed out; that is told afterwards."""
    async with feeding(imin, tmp_path / "a.db") as feed:
        await feed.note_all(["abc"], baseline=True)
        await told(feed)
        imin.fake.connect("abc", SELLER)
        await feed.note("abc")
        connected = await first(feed.until_idle())
    imin.fake.disconnect("abc", SELLER)
    async with feeding(imin, tmp_path / "a.db") as feed:
        again, then = [each async for each in feed.until_idle()]
        assert again == connected
        assert kinds(then) == ["AccountDisconnected"]


async def test_who_is_forgotten_is_not_tried_again(imin: HeldImin) -> None:
    """Their read may fail: nobody asks imin for them any more."""
    imin.fake.faults.add(Rule(Status(500), customer="abc"))
    imin.open.clear()
    async with feeding(imin) as feed:
        await feed.note("abc")
        telling = asyncio.ensure_future(told(feed))
        while not imin.reads:
            await asyncio.sleep(0)
        await feed.forget("abc")
        imin.open.set()
        assert await telling == []
    assert imin.reads["abc"] == 1


# --- Arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize("customer", ["", ".", "..", "a\nb", "\ud800", 5, None])
async def test_whom_no_request_can_name(imin: HeldImin, customer: str) -> None:
    """They are refused before anything is noted."""
    async with feeding(imin) as feed:
        with pytest.raises(InvalidRequest):
            await feed.note(customer)
        assert await told(feed) == []


@pytest.mark.parametrize("customers", ["abc", b"abc", 5, None])
async def test_what_is_no_iterable_of_customers(imin: HeldImin, customers: list[str]) -> None:
    """One text is not: its letters are nobody."""
    async with feeding(imin) as feed:
        with pytest.raises(InvalidRequest):
            await feed.note_all(customers)


async def test_customers_are_read_lazily(imin: HeldImin) -> None:
    """What was read of a source that fails is noted; an asynchronous one is closed."""
    closed = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "abc"
            yield ""
        finally:
            closed.append(True)

    async with feeding(imin) as feed:
        with pytest.raises(InvalidRequest):
            await feed.note_all(source())
        assert closed == [True]
        assert await told(feed) == [("abc", NEW)]


def endless() -> Iterator[str]:
    """Customers without an end."""
    while True:
        yield "abc"


async def test_reading_of_customers_can_be_cancelled(imin: HeldImin) -> None:
    """A source without an end does not block the event loop."""
    async with feeding(imin) as feed:
        noting = asyncio.ensure_future(feed.note_all(endless()))
        await first(feed.until_idle())
        noting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await noting


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"timeout": -1},
        {"poll": 0},
        {"retry": 3},
        {"runtime": None},
        {"poll": float("nan")},
    ],
)
def test_unusable_options(options: dict[str, object]) -> None:
    """They are refused when the feed is made."""
    with pytest.raises(InvalidRequest):
        ChangeFeed(session(FakeImin()), SqliteSnapshots(":memory:"), **options)  # type: ignore[arg-type]


async def test_a_feed_that_is_not_open(imin: HeldImin) -> None:
    """Neither before nor after, nor a second time."""
    feed = ChangeFeed(session(imin), SqliteSnapshots(":memory:"))
    with pytest.raises(SessionStateError):
        await feed.note("abc")
    async with feed:
        pass
    for call in (feed.note("abc"), feed.note_all(["abc"]), feed.forget("abc"), feed.snapshot("abc")):
        with pytest.raises(SessionStateError):
            await call
    with pytest.raises(SessionStateError):
        await first(aiter(feed))
    with pytest.raises(SessionStateError):
        await feed.__aenter__()


async def test_a_session_that_is_not_open(imin: HeldImin) -> None:
    """Notes can be taken all the same; reading says what is wrong."""
    async with ChangeFeed(session(imin), SqliteSnapshots(":memory:")) as feed:
        await feed.note("abc")
        with pytest.raises(SessionStateError):
            await first(aiter(feed))

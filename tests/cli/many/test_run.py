"""One read for each of many customers: how many at once, and how it ends early."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from imin_accounts import AccountsSession, AuthenticationError, Failed, Fetched, NotFound, RateLimited
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result, read_all, stopping
from imin_accounts.errors import TransportError
from imin_accounts.fake import FakeImin, Rule, Status, add_crowd
from imin_accounts.transports import Request, Response
from tests.cli.processes import signal_when, start, write_ids
from tests.scripted import ManualClock, runtime


@pytest.fixture(autouse=True)
def crowd(fake_imin: FakeImin) -> None:
    """The emulated imin knows twenty customers."""
    add_crowd(fake_imin, sellers=1, customers=20)


class ReadJob:
    """Reads customers and takes their outcomes.

    Args:
        interrupt_at: After how many outcomes it sends this process an interrupt; None: never.

    Attributes:
        customers: Those taken, in order.
        ahead: At each outcome, how many requests there were beyond those taken before.
    """

    def __init__(self, fake: FakeImin, *, key: str = "test-key", interrupt_at: int | None = None) -> None:
        self._fake = fake
        self._key = key
        self._interrupt_at = interrupt_at
        self.customers: list[str] = []
        self.ahead: list[int] = []
        self.result = Result()
        self.tally = Tally()

    async def read(self, *customers: str, concurrency: int = 4) -> None:
        """Read them all."""
        with Pending() as pending:
            pending.add(customers)
            session = AccountsSession(self._key, transport=self._fake)
            await read_all(
                session, pending, self.take, self.result, concurrency=concurrency, tally=self.tally
            )

    def take(self, outcome: Fetched | Failed) -> None:
        self.ahead.append(len(self._fake.requests) - len(self.customers))
        self.customers.append(outcome.customer)
        if len(self.customers) == self._interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)


EVERYBODY = [f"customer-{n}" for n in range(1, 21)]


async def test_everybody_is_taken_once(fake_imin: FakeImin) -> None:
    """And counted."""
    job = ReadJob(fake_imin)
    await job.read(*EVERYBODY)
    assert sorted(job.customers) == sorted(EVERYBODY)
    assert (job.result.read, job.result.left, job.result.exit_code) == (20, 0, 0)


@pytest.mark.parametrize("concurrency", [1, 3, 64])
async def test_no_more_are_asked_for_than_may_be_lost(concurrency: int, fake_imin: FakeImin) -> None:
    """At any moment imin was asked about at most ``concurrency`` customers who are not taken yet."""
    job = ReadJob(fake_imin)
    await job.read(*EVERYBODY, concurrency=concurrency)
    assert max(job.ahead) <= concurrency


async def test_an_interrupt_asks_for_nobody_more(
    fake_imin: FakeImin, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever was asked for is taken; the rest is left, which is no full success."""
    job = ReadJob(fake_imin, interrupt_at=5)
    await job.read(*EVERYBODY, concurrency=2)
    asked = {request.customer for request in fake_imin.requests}
    assert set(job.customers) == asked
    assert job.result.left == 20 - len(asked) > 10
    assert job.result.exit_code == 3
    assert "interrupt again not to wait" in capsys.readouterr().err


class InterruptingTransport:
    """A transport that interrupts this process twice, and never answers."""

    async def send(self, request: object, *, timeout: float) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
        await asyncio.Event().wait()


async def test_a_second_interrupt_does_not_wait(capsys: pytest.CaptureFixture[str]) -> None:
    """What is under way is given up, and counts as left."""
    result = Result()
    with Pending() as pending:
        pending.add(["1"])
        session = AccountsSession("test-key", transport=InterruptingTransport())  # type: ignore[arg-type]
        await read_all(session, pending, lambda _: None, result, concurrency=1, tally=Tally())
    assert (result.left, result.exit_code) == (1, 3)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_either_signal_stops_a_run_and_nothing_after_it(signum: signal.Signals) -> None:
    """It sets the event; once the block is left nobody listens any more."""
    async with stopping() as stop:
        assert signal.getsignal(signum) is not signal.SIG_DFL, "it would end the tests"
        os.kill(os.getpid(), signum)
        await stop.wait()
    assert not asyncio.get_running_loop().remove_signal_handler(signum)


async def test_after_a_second_interrupt_the_task_goes_on() -> None:
    """The cancellation that ended the block is over with it: what follows can be timed out, and awaited."""
    task = asyncio.current_task()
    assert task is not None
    async with stopping() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
    assert task.cancelling() == 0


async def wait() -> None:
    """Wait for ever, unless interrupted."""
    async with stopping():
        await asyncio.Event().wait()


async def test_a_cancellation_from_outside_is_no_interrupt() -> None:
    """It goes on to whoever cancelled."""
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class HoldingTransport:
    """A transport that answers ``well`` requests, then says to wait for ten minutes, and sends SIGTERM."""

    def __init__(self, fake: FakeImin, well: int) -> None:
        self._fake = fake
        self._well = well

    async def send(self, request: Request, *, timeout: float) -> Response:
        reply = await self._fake.send(request, timeout=timeout)
        self._well -= 1
        if self._well >= 0:
            return reply
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        return Response(status=429, headers={"retry-after": "600"}, body=b"")


async def test_an_interrupt_during_a_hold_ends_the_run_at_once(fake_imin: FakeImin) -> None:
    """Nothing is under way: whoever would have to wait is left."""
    result = Result()
    with Pending() as pending:
        pending.add(EVERYBODY)
        session = AccountsSession("test-key", transport=HoldingTransport(fake_imin, well=5))
        async with asyncio.timeout(30):
            await read_all(session, pending, lambda _: None, result, concurrency=1, tally=Tally())
    assert (result.read, result.failed, result.left, result.exit_code) == (5, 0, 15, 3)


def test_sigterm_ends_an_export_that_is_held_back(
    tmp_path: Path, fake_imin: FakeImin, imin_server: str
) -> None:
    """The process ends with what it has, instead of waiting for ten minutes first."""
    fake_imin.faults.add(Rule(Status(429, retry_after=600), nth=range(11, 999)))
    ids = write_ids(tmp_path / "ids.txt", 20)
    process = start(imin_server, "export", ids, "-o", tmp_path / "accounts.jsonl", "--concurrency", "2")
    ended = signal_when(process, lambda: len(fake_imin.requests) > 10, signal.SIGTERM)
    assert ended.code == 3
    assert "10 are left: repeat the command with --resume to go on." in ended.err
    assert "imin holds this session back for 600 s" in ended.err


async def test_a_hold_makes_everybody_wait(fake_imin: FakeImin) -> None:
    """It fails nobody, even where it is longer than a call may take."""
    fake_imin.faults.add(Rule(Status(429, retry_after=60), nth=range(5, 12)))
    clock, result = ManualClock(), Result()
    with Pending() as pending:
        pending.add(EVERYBODY)
        session = AccountsSession("test-key", transport=fake_imin, runtime=runtime(clock))
        await read_all(session, pending, lambda _: None, result, concurrency=4, tally=Tally())
    assert (result.read, result.failed, clock.now >= 1060) == (20, 0, True)


async def test_nobody_through_for_long_ends_the_run(fake_imin: FakeImin) -> None:
    """With what imin says, and what was read before is kept."""
    fake_imin.faults.add(Rule(Status(429, retry_after=60), nth=range(5, 999)))
    result = Result()
    with Pending() as pending:
        pending.add(EVERYBODY)
        session = AccountsSession("test-key", transport=fake_imin, runtime=runtime(ManualClock()))
        with pytest.raises(RateLimited):
            await read_all(session, pending, lambda _: None, result, concurrency=4, tally=Tally())
    assert (result.read, result.failed) == (4, 0)


async def test_a_refused_key_ends_it(fake_imin: FakeImin) -> None:
    """A wrong key does not fail twenty times."""
    job = ReadJob(fake_imin, key="another-key")
    with pytest.raises(AuthenticationError):
        await job.read(*EVERYBODY, concurrency=2)
    assert len(fake_imin.requests) <= 4


async def test_one_customers_failure_is_their_own(fake_imin: FakeImin) -> None:
    """The others are read; the exit code says that not all was."""
    fake_imin.faults.add(Rule(Status(404), customer="customer-7"))
    job = ReadJob(fake_imin)
    await job.read(*EVERYBODY)
    assert (job.result.read, job.result.failed, job.result.exit_code) == (19, 1, 3)
    assert (job.tally.done, job.tally.failed) == (20, 1)


async def test_what_can_not_be_job_does_not_count(fake_imin: FakeImin) -> None:
    """Whoever is counted as read can be found where the outcomes went, to the last one before it failed."""

    class Full(ReadJob):
        def take(self, outcome: Fetched | Failed) -> None:
            if len(self.customers) == 5:
                raise OSError("no room")
            super().take(outcome)

    full = Full(fake_imin)
    with pytest.raises(OSError, match="no room"):
        await full.read(*EVERYBODY)
    assert full.result.read == full.tally.done == len(full.customers) == 5


REFUSED = Failed("1", None, TransportError("refused", maybe_sent=False))
FORBIDDEN = Failed("1", None, AuthenticationError(403))
UNKNOWN = Failed("2", None, NotFound(404))


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        pytest.param([], 0, id="nobody to read"),
        pytest.param([UNKNOWN], 1, id="nobody known"),
        pytest.param([FORBIDDEN, FORBIDDEN], 4, id="not allowed to"),
        pytest.param([REFUSED, REFUSED], 5, id="nobody there"),
        pytest.param([REFUSED, UNKNOWN], 1, id="all failed, some without a reply"),
        pytest.param([FORBIDDEN, UNKNOWN], 1, id="all failed, some for the key"),
    ],
)
def test_the_exit_code_says_why_nobody_was_read(outcomes: list[Failed], code: int) -> None:
    """Unreachable, or not authorised, only where that is all of it."""
    result = Result()
    for outcome in outcomes:
        result.add(outcome)
    assert result.exit_code == code

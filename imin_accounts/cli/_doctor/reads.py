"""Reads through a session, as any application makes them, and what they tell."""

import time
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import attrs

from imin_accounts import (
    AccountsSession,
    AuthenticationError,
    DecodeError,
    IminError,
    NotFound,
    RateLimited,
    ResponseError,
    SellerAccounts,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.cli._doctor.check import Check, Status
from imin_accounts.cli._doctor.way import milliseconds
from imin_accounts.cli._exit_codes import explain
from imin_accounts.cli._failures import PARTLY_DONE
from imin_accounts.cli._output import count_text, safe, state
from imin_accounts.transports import AiohttpTransport, Request, Response

READS = 3
_STATES = ("connected", "unconnected", "no account", "unrecognised")
_SLOW = 1.0  # seconds
_CLOCK_OFF, _CLOCK_WRONG = 5.0, 300.0  # seconds


@attrs.frozen
class _Reply:
    """A reply as it came, and when: seconds that it took, and the middle of them by this machine's clock."""

    response: Response
    seconds: float
    middle: float


class Watched:
    """A transport that notes what passes through it.

    Attributes:
        requests: How many were sent, or tried.
        replies: What came back.
    """

    def __init__(self, transport: AiohttpTransport) -> None:
        self._transport = transport
        self.requests = 0
        self.replies: list[_Reply] = []

    async def send(self, request: Request, *, timeout: float) -> Response:
        """As the transport does."""
        self.requests += 1
        start, begun = time.monotonic(), time.time()
        response = await self._transport.send(request, timeout=timeout)
        seconds = time.monotonic() - start
        self.replies.append(_Reply(response, seconds, begun + seconds / 2))
        return response

    async def aclose(self) -> None:
        """Close its connections."""
        await self._transport.aclose()


async def read(session: AccountsSession, customer: str) -> SellerAccounts | IminError:
    """Read a customer's accounts three times, or up to the first time that fails.

    404 is an answer too, and no failure.
    """
    outcome: SellerAccounts | IminError = NotFound(404)
    async with session:
        for _ in range(READS):
            try:
                outcome = await session.get_seller_accounts(customer)
            except NotFound as error:
                outcome = error
            except IminError as error:
                return error
    return outcome


def checks_of_reads(
    outcome: SellerAccounts | IminError, watched: Watched, *, is_known: bool, is_http: bool
) -> Iterator[Check]:
    """What the reads have told.

    Args:
        is_known: Whether the customer was given; else imin should know no such one.
        is_http: Whether they were sent without TLS.
    """
    reads = _reads(outcome, watched.replies, is_http=is_http)
    yield reads
    if watched.replies:
        yield _clock(min(watched.replies, key=lambda reply: reply.seconds))
    if reads.status == "failed":
        return
    yield _key(outcome)
    if is_known and not isinstance(outcome, AuthenticationError):
        yield _customer(outcome, watched.replies[-1])


def _reads(outcome: SellerAccounts | IminError, replies: list[_Reply], *, is_http: bool) -> Check:
    times = [reply.seconds for reply in replies]
    facts = {"seconds": [round(each, 4) for each in times]}
    if advice := _not_imins(outcome, replies, is_http=is_http):
        assert isinstance(outcome, IminError)
        code, _ = explain(outcome)
        return Check("reads", "failed", str(outcome), advice, facts, code)
    text = f"{', '.join(map(milliseconds, times))}"
    if max(times) > _SLOW:
        advice = "imin, or the way there, is slow just now: give calls more time, and try again later."
        return Check("reads", "warning", text, advice, facts, PARTLY_DONE)
    return Check("reads", "ok", text, facts=facts)


def _not_imins(outcome: SellerAccounts | IminError, replies: list[_Reply], *, is_http: bool) -> str:
    """What to do where imin itself did not answer, or not properly; ``""`` where it did."""
    page = "A web page answered instead of imin: a network's log-in page, a proxy or a wrong base URL. "
    or_https = " If it speaks TLS, the base URL has to begin with https." if is_http else ""
    is_page = bool(replies) and _is_page(replies[-1].response)
    match outcome:
        case SellerAccounts():
            return ""
        case ResponseError(status=407):
            return "A proxy on the way wants its own log-in: ask whoever runs it to let this host through."
        case _ if is_page:
            return page + "Open the base URL in a browser on this machine."
        case AuthenticationError() | NotFound() | DecodeError() | WrongCustomer():
            return ""
        case RateLimited():
            return (
                "The key's requests are throttled: wait as long as it says, and see what else uses the key."
            )
        case ResponseError(status=502 | 503 | 504):
            return "A gateway answered, and imin behind it did not: try again; if it lasts, tell imin."
        case ResponseError():
            return "Try again; if it lasts, tell imin."
        case UnexpectedResponse():
            return "imin never answers so: check the base URL, and what is on the way there."
        case TransportError(reason="too large"):
            return "imin's replies are never so large: check the base URL, and what is on the way there."
        case TransportError(reason="malformed"):
            return f"What answers there does not speak HTTP: check the base URL's port.{or_https}"
        case TransportError(reason="dropped"):
            return f"The connection ends and no answer comes: try again; if it lasts, tell imin.{or_https}"
        case _:
            return "The connection stands and no answer comes: try again; if it lasts, tell imin."


def _is_page(response: Response) -> bool:
    return "html" in response.headers.get("content-type", "").lower()


def _clock(reply: _Reply) -> Check:
    try:
        told = parsedate_to_datetime(reply.response.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return Check(
            "clock",
            "warning",
            "the reply has no date",
            "Compare this machine's clock yourself.",
            {},
            PARTLY_DONE,
        )
    ahead = reply.middle - (told + 0.5)  # a date in a header has whole seconds, and was not rounded
    facts = {"seconds_ahead": round(ahead, 1)}
    status: Status = (
        "ok" if abs(ahead) <= _CLOCK_OFF else "warning" if abs(ahead) <= _CLOCK_WRONG else "failed"
    )
    if status == "ok":
        return Check("clock", "ok", "as imin's", facts=facts)
    text = f"{abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} imin's"
    advice = (
        "Let this machine's clock be set by NTP: what expires, and links to connect, are compared with it."
    )
    return Check("clock", status, text, advice, facts, PARTLY_DONE if status == "warning" else 1)


def _key(outcome: SellerAccounts | IminError) -> Check:
    if isinstance(outcome, AuthenticationError):
        code, _ = explain(outcome)
        advice = (
            "imin knows no such key: look for an old one, or one of another environment."
            if outcome.status == 401
            else "imin knows the key, and does not let it do this: ask imin to allow it."
        )
        return Check(
            "key accepted", "failed", f"no: {outcome}", advice, {"http_status": outcome.status}, code
        )
    return Check("key accepted", "ok", "yes")


def _customer(outcome: SellerAccounts | IminError, reply: _Reply) -> Check:
    if isinstance(outcome, IminError):
        code, _ = explain(outcome)
        advice = {
            NotFound: "It is imin's identifier, as Create Customer Account returned it, not one of your own. "
            "If every customer is unknown, check the base URL's path.",
            WrongCustomer: "Don't use what is on the way there: something mixes up replies.",
        }.get(type(outcome), "Save the reply, and attach what `imin-accounts read --redact` makes of it.")
        text = "imin knows no such customer" if isinstance(outcome, NotFound) else str(outcome)
        return Check("customer", "failed", text, advice, {}, code)
    states = Counter(state(account)[0] for account in outcome)
    problems = len(outcome.problems) + sum(len(account.problems) for account in outcome)
    drift = outcome.drift()
    size = len(reply.response.body)
    counts = ", ".join(f"{states[words]:,} {words}" for words in _STATES if states[words])
    parts = (
        f"{count_text(len(outcome), 'seller')}{counts and f' ({counts})'}",
        count_text(problems, "problem"),
        f"drift: {len(drift) or 'none'}",
        count_text(size, "byte"),
    )
    text = "; ".join(parts)
    facts = {
        **{words.replace(" ", "_"): states[words] for words in _STATES},
        "problems": problems,
        "drift": {safe(sentence): count for sentence, count in drift.items()},
        "bytes": size,
    }
    if outcome.customer is None:
        advice = "The reply does not say whom it is about, so nobody can tell if it is mixed up. Tell imin."
        return Check("customer", "warning", text, advice, facts, PARTLY_DONE)
    if problems or drift:
        what = "can't be read" if problems else "is not documented"
        advice = f"Part of it {what}: `imin-accounts accounts … --json | imin-accounts read -` says which."
        return Check("customer", "warning", text, advice, facts, PARTLY_DONE)
    return Check("customer", "ok", text, facts=facts)

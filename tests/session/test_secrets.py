"""The key shows nowhere: not in a repr, a pickle, a log, a message or a captured traceback."""

import copy
import io
import logging
import pickle
import traceback

import pytest

from imin_accounts.errors import (
    Attempt,
    DeadlineExceeded,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    Problem,
    RateLimited,
    TransportError,
    WrongCustomer,
)
from imin_accounts.session import AccountsSession
from imin_accounts.session._key import ApiKey
from imin_accounts.transports.base import Request, Response
from tests.paths import PACKAGE
from tests.scripted import CONNECTED, NO_CONTENT, SELLER, ManualClock, ScriptedTransport, reply, runtime

SECRET = "canary-key-5ca1ab1e"


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda key: f"{key!r:>9}"])
def test_key_shows_as_stars(show: object) -> None:
    """Whatever turns a key into text yields no text of it."""
    assert SECRET not in show(ApiKey(SECRET))  # type: ignore[operator]


def test_request_and_response_show_nothing_private() -> None:
    """A request's repr has neither the key nor the customer, a reply's neither values nor body."""
    request = Request(method="GET", url=f"https://x.example/{SECRET}", headers={"X-Api-Key": SECRET})
    response = Response(status=200, headers={"x-echo": SECRET}, body=SECRET.encode())
    assert SECRET not in repr(request) + str(request.headers) + repr(response)


@pytest.mark.parametrize("quoted", [SECRET, f"Root={SECRET}"])
async def test_a_gateway_that_echoes_the_key(quoted: str) -> None:
    """A request id that quotes the key is dropped; the instance is kept out of a pickle."""
    clock = ManualClock()
    body = {"requestId": quoted, "instance": f"https://x.example/{SECRET}"}
    transport = ScriptedTransport([reply(400, body, {"x-request-id": quoted})])
    async with AccountsSession(SECRET, transport=transport, runtime=runtime(clock)) as session:
        with pytest.raises(IminError) as caught:
            await session.get_seller_accounts("1234")
    assert SECRET.encode() not in pickle.dumps(caught.value)
    assert SECRET not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_pickled_key_opens_nothing() -> None:
    """A key that went through a pickle has lost its text, and a session says so."""
    stored = pickle.dumps(ApiKey(SECRET))
    assert SECRET.encode() not in stored
    with pytest.raises(InvalidRequest, match="pickled"):
        AccountsSession(pickle.loads(stored))


@pytest.mark.parametrize(
    "key",
    ["", " ", "a b", "a\n", "ü", "x" * 4097, "\x7f", None, 7, b"bytes"],
    ids=lambda key: repr(key)[:12],
)
def test_unusable_key(key: str) -> None:
    """A key is 1 to 4,096 characters of printable ASCII without spaces."""
    with pytest.raises(InvalidRequest, match="API key"):
        AccountsSession(key)


def captured(error: BaseException) -> str:
    """A traceback as crash reporters make it: with every frame's locals."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in trace.stack if str(PACKAGE) in frame.filename]
    return str([(frame.name, frame.locals) for frame in ours]) + "".join(trace.format_exception_only())


def test_refused_key_is_in_no_captured_frame() -> None:
    """Validation never raises where the text of the key is a local."""
    with pytest.raises(InvalidRequest) as caught:
        AccountsSession(SECRET + " with a space")
    assert SECRET not in captured(caught.value)


@pytest.mark.parametrize("name", ["IMIN_BASE_URL", "IMIN_INSECURE_HTTP"])
def test_key_passed_beside_a_bad_environment_is_in_no_captured_frame(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is wrong."""
    monkeypatch.setenv(name, "x:")
    with pytest.raises(InvalidRequest) as caught:
        AccountsSession.from_env(api_key=SECRET)
    assert SECRET not in captured(caught.value)


async def test_refused_key_of_a_callable_is_in_no_captured_frame() -> None:
    """The same holds for a key that a callable hands out."""
    async with AccountsSession(lambda: SECRET + "\n", transport=ScriptedTransport([])) as session:
        with pytest.raises(InvalidRequest) as caught:
            await session.get_seller_accounts("1234")
    assert SECRET not in captured(caught.value)


@pytest.mark.parametrize("step", [reply(401), TransportError("tls", maybe_sent=False), ValueError(SECRET)])
async def test_failing_call_shows_no_key(step: object) -> None:
    """An error's frames, text and pickle are free of the key, even one that a transport quotes."""
    transport = ScriptedTransport([step] * 3)  # type: ignore[list-item]
    async with AccountsSession(SECRET, transport=transport) as session:
        with pytest.raises(IminError) as caught:
            await session.get_seller_accounts("1234")
    error = caught.value
    assert SECRET not in captured(error) + repr(vars(error))
    assert SECRET.encode() not in pickle.dumps(error)
    assert (error.__cause__, error.__context__) == (None, None)


ERRORS = [
    InvalidRequest("wrong"),
    TransportError("dropped", maybe_sent=True),
    DeadlineExceeded(1.5, maybe_sent=True),
    OutcomeUnknown("TransportError"),
    NotFound(404, problem=Problem(type="NotFoundError", description=SECRET), headers={"date": "x"}),
    RateLimited(429, retry_after=7.0),
    DecodeError("$: expected object, got array", "$.a: expected string, got number", status=200),
    WrongCustomer("", status=200),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickle_and_copy(error: IminError) -> None:
    """A worker process can hand an error back whole, but for what may be personal."""
    error.attempts = (Attempt(method="GET", url_template="/", resend_count=0),)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), str(twin), twin.attempts) == (type(error), str(error), error.attempts)
        assert vars(twin).keys() == vars(error).keys()
    assert SECRET.encode() not in pickle.dumps(error)


def test_transport_error_takes_no_free_text() -> None:
    """A reason that quotes something is not kept: it may be a URL or a key."""
    assert str(TransportError(f"GET https://x.example/{SECRET} failed", maybe_sent=True)) == (
        "no reply (other); the request may have been sent"
    )


async def test_log_has_one_line_per_call() -> None:
    """At DEBUG a call is one line of allow-listed facts; nothing else is logged at any level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("imin_accounts")
    logger.addHandler(handler)
    logger.setLevel(1)
    transport = ScriptedTransport([reply(500), CONNECTED, NO_CONTENT])
    try:
        async with AccountsSession(SECRET, transport=transport, runtime=runtime(ManualClock())) as session:
            await session.get_seller_accounts("1234")
            await session.delete_seller_account("1234", SELLER)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert stream.getvalue().splitlines() == [
        "GET /api/v2/customers/{customerIdentifier}/accounts 200 attempts=2 25 ms",
        "DELETE /api/v2/customers/{customerIdentifier}/accounts 204 attempts=1 0 ms",
    ]


async def test_on_attempt_is_told_of_each_attempt() -> None:
    """The hook gets plain facts under OpenTelemetry's names, and no identifier."""
    told: list[Attempt] = []
    transport = ScriptedTransport([reply(500, b"123"), CONNECTED])
    async with AccountsSession(SECRET, transport=transport, on_attempt=told.append) as session:
        await session.get_seller_accounts("1234")
    assert [attempt.attributes for attempt in told] == [
        {
            "http.request.method": "GET",
            "url.template": "/api/v2/customers/{customerIdentifier}/accounts",
            "http.response.status_code": 500,
            "error.type": "500",
            "http.response.body.size": 3,
        },
        {
            "http.request.method": "GET",
            "url.template": "/api/v2/customers/{customerIdentifier}/accounts",
            "http.request.resend_count": 1,
            "http.response.status_code": 200,
            "http.response.body.size": len(CONNECTED.body),
        },
    ]


async def test_broken_hook_breaks_no_call(caplog: pytest.LogCaptureFixture) -> None:
    """What ``on_attempt`` raises is logged; the caller gets the accounts."""

    def broken(attempt: Attempt) -> None:
        raise RuntimeError("hook")

    transport = ScriptedTransport([CONNECTED])
    async with AccountsSession(SECRET, transport=transport, on_attempt=broken) as session:
        assert len(await session.get_seller_accounts("1234")) == 1
    assert [record.message for record in caplog.records] == ["on_attempt raised"]

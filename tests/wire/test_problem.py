"""What an error reply says: the body's shapes, the safe headers, every form of Retry-After."""

import orjson
import pytest

from imin_accounts._wire.problem import read_problem, request_id, retry_after, safe_headers
from imin_accounts.errors import Problem, ResponseError
from imin_accounts.transports.base import Response

NOW = 1_611_748_800.0  # Wed, 27 Jan 2021 12:00:00 GMT


@pytest.mark.parametrize(
    ("body", "type", "name", "description"),
    [
        ({"@type": "NotFoundError", "name": "n", "description": "d"}, "NotFoundError", "n", "d"),
        ({"@type": "UpdateFailedError", "description": "d"}, "UpdateFailedError", None, "d"),
        ({"type": "https://x.example/e", "title": "t", "detail": "d"}, "https://x.example/e", "t", "d"),
        ({"error": {"type": "Bad", "details": ["a", "b"]}}, "Bad", None, "a; b"),
        ({"error": "Unauthorized"}, None, "Unauthorized", None),
        ({"message": "No API key found in request"}, None, None, "No API key found in request"),
        ({"@type": 5, "name": None, "description": {}}, None, None, None),
        (["NotFoundError"], None, None, None),
    ],
    ids=["OpenActive", "no name", "RFC 9457", "nested", "bare", "gateway", "odd members", "list"],
)
def test_read_problem(body: object, type: str | None, name: str | None, description: str | None) -> None:
    """Every known body shape yields what it has; anything else yields nothing."""
    assert read_problem(orjson.dumps(body)) == Problem(type=type, name=name, description=description)


def test_an_occurrence_may_have_a_url() -> None:
    """As RFC 9457 has it; the error tells it too."""
    problem = read_problem(b'{"title": "t", "instance": "https://x.example/1"}')
    assert problem.instance == "https://x.example/1"
    assert ResponseError(400, problem=problem).instance == problem.instance
    assert ResponseError(400).instance is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b'{"a": NaN}', b"[" * 100_000], ids=repr)
def test_unreadable_body_is_no_problem(body: bytes) -> None:
    """A body that is not JSON says nothing, and never fails."""
    assert read_problem(body) == Problem()


REQUEST_IDS = [
    pytest.param({"requestId": "4f1c-9"}, {}, "4f1c-9", id="body"),
    pytest.param({}, {"x-request-id": " 4f1c "}, "4f1c", id="header"),
    pytest.param({"error": {"requestId": "4f1c"}}, {}, "4f1c", id="nested"),
    pytest.param({}, {"x-amzn-trace-id": "Root=1-67891233-abcdef"}, "Root=1-67891233-abcdef", id="trace"),
    pytest.param({"requestId": "a"}, {"x-request-id": "b"}, "a", id="body before header"),
    pytest.param({"requestId": "of rosie"}, {"x-correlation-id": "b"}, "b", id="no token in the body"),
    pytest.param({"requestId": "x" * 128}, {}, "x" * 128, id="128 characters"),
    pytest.param({"requestId": "x" * 129}, {}, None, id="129 characters"),
    pytest.param({"requestId": "rosie@example.com"}, {}, None, id="an address"),
    pytest.param({"requestId": 7}, {}, None, id="number"),
    pytest.param(["requestId"], {}, None, id="array"),
    pytest.param({}, {"x-request-id": "https://x/?a=b"}, None, id="URL"),
    pytest.param({}, {"x-request-id": ""}, None, id="empty"),
]


@pytest.mark.parametrize(("body", "headers", "found"), REQUEST_IDS)
def test_request_id(body: object, headers: dict[str, str], found: str | None) -> None:
    """It is a token of the body or of a usual header; any other text might quote the request."""
    response = Response(status=500, headers=headers, body=orjson.dumps(body))
    assert request_id(response) == found


LONGEST = 999_999_999_999_999.0
RETRY_AFTER = [
    pytest.param("0", 0.0, id="zero"),
    pytest.param("7", 7.0, id="seconds"),
    pytest.param(" \t7 ", 7.0, id="white space around"),
    pytest.param("+7", 7.0, id="sign"),
    pytest.param("007", 7.0, id="zeros before"),
    pytest.param("30.0", 30.0, id="fraction that is none"),
    pytest.param("30.", 30.0, id="point without a fraction"),
    pytest.param("30.2", 31.0, id="fraction is rounded up"),
    pytest.param("0.0001", 1.0, id="fraction of the first second"),
    pytest.param("30s", 30.0, id="unit"),
    pytest.param("1m0s", 60.0, id="Go's minutes"),
    pytest.param("1H 2 min 3 Seconds", 3723.0, id="in words"),
    pytest.param("30 seconds", 30.0, id="with its unit"),
    pytest.param("5 minutes", 300.0, id="in minutes"),
    pytest.param(".5", 1.0, id="a fraction alone"),
    pytest.param('"30"', 30.0, id="quoted"),
    pytest.param("30;q=1", 30.0, id="with a parameter"),
    pytest.param("1h2m3.5s", 3724.0, id="Go's hours"),
    pytest.param("5, 5", 5.0, id="sent twice"),
    pytest.param("5,60 , 10", 60.0, id="sent three times: the longest"),
    pytest.param("5, soon", 5.0, id="one of two is readable"),
    pytest.param("7200", 7200.0, id="over an hour"),
    pytest.param("1611748830", 1611748830.0, id="somebody's clock"),
    pytest.param("Wed, 27 Jan 2021 12:00:30 GMT", 30.0, id="IMF-fixdate"),
    pytest.param("wed, 27 jan 2021 12:00:30 gmt", 30.0, id="lower case"),
    pytest.param("Wednesday, 27-Jan-21 12:00:30 GMT", 30.0, id="RFC 850"),
    pytest.param("Wed, 27-Jan-2021 12:00:30 GMT", 30.0, id="RFC 850 with a whole year"),
    pytest.param("Wed Jan 27 12:00:30 2021", 30.0, id="asctime"),
    pytest.param("27 Jan 2021 12:00:30 GMT", 30.0, id="no day's name"),
    pytest.param("Wed, 27 Jan 2021 12:00:30 UTC", 30.0, id="UTC"),
    pytest.param("Wed, 27 Jan 2021 12:00:30 +0000", 30.0, id="zone of GMT"),
    pytest.param("Wed, 27 Jan 2021 13:00:30 +0100", 30.0, id="zone other than GMT"),
    pytest.param("Wed, 27 Jan 2021 12:00:30", 30.0, id="no zone"),
    pytest.param("2021-01-27T12:00:30Z", 30.0, id="ISO 8601"),
    pytest.param("2021-01-27T13:00:29.5+01:00", 30.0, id="ISO 8601, rounded up"),
    pytest.param(2 * "Wed, 27 Jan 2021 12:00:30 GMT, ", 30.0, id="date sent twice"),
    pytest.param("Wed, 27 Jan 2021 14:00:30 GMT", 7230.0, id="date after an hour"),
    pytest.param("Tue, 26 Jan 2021 12:00:30 GMT", 0.0, id="date in the past"),
    pytest.param("99999999999999999999", LONGEST, id="longer than anybody counts"),
    pytest.param("9" * 400, LONGEST, id="longer than a float holds"),
    pytest.param("9" * 400 + ".5s", LONGEST, id="the same with a fraction and a unit"),
    pytest.param("999999999999999h1m", LONGEST, id="so many hours"),
    pytest.param("9" * 400 + "m", LONGEST, id="so many minutes"),
    pytest.param("5, " + "9" * 20, LONGEST, id="the longer of two"),
    pytest.param("0" * 30 + "5", 5.0, id="zeros in front"),
    pytest.param("4.10000000000000000000", 5.0, id="digits without end"),
    pytest.param("-1", None, id="negative"),
    pytest.param("-0", None, id="negative zero"),
    pytest.param("NaN", None, id="NaN"),
    pytest.param("inf", None, id="infinity"),
    pytest.param("1e3", None, id="exponent"),
    pytest.param("1_0", None, id="Python's digits"),
    pytest.param("\u0661", None, id="Arabic digit"),
    pytest.param("", None, id="empty"),
    pytest.param("+", None, id="sign alone"),
    pytest.param("ms", None, id="units alone"),
    pytest.param("five minutes", None, id="words"),
    pytest.param(", ,", None, id="commas"),
    pytest.param("soon", None, id="word"),
    pytest.param("Fri, 31 Dec 9999 23:59:59 -1400", None, id="after the last year"),
    pytest.param("Wed, 31 Feb 2021 12:00:30 GMT", None, id="day that does not exist"),
    pytest.param("Wed, 27 Jan 2021 24:00:30 GMT", None, id="hour that does not exist"),
]


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Whatever can only mean one time is read, rounded up to a whole second, however long it is."""
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_retry_after_date_counts_from_the_replys_own_date() -> None:
    """With both dates of the server's clock, ours may be wrong."""
    headers = {
        "date": "Wed, 27 Jan 2021 12:00:00 GMT",
        "retry-after": "Wed, 27 Jan 2021 12:00:05 GMT",
    }
    assert retry_after(headers, NOW + 86_400 * 365) == 5.0


def test_a_date_is_rounded_up_too() -> None:
    """Whoever comes back within the second before it is throttled again."""
    assert retry_after({"retry-after": "Wed, 27 Jan 2021 12:00:30 GMT"}, NOW + 0.9) == 30.0


def test_no_retry_after() -> None:
    """A reply without the header asks for nothing."""
    assert retry_after({}, NOW) is None


def test_safe_headers_keep_shapes_not_secrets() -> None:
    """Only allow-listed names survive, and only values of the shape that the name promises."""
    headers = {
        "retry-after": "7",
        "content-type": "application/json; echo=rosie@example.com",
        "date": "rosie",
        "x-request-id": "5ca1ab1e",
        "set-cookie": "session=1",
        "location": "https://broker.example/",
    }
    assert safe_headers(headers) == {"retry-after": "7", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("30.5", "31"),
        ("5, 10", "10"),
        ("9" * 400, "9" * 15),
        ("7; rosie@example.com", "7"),
        ("rosie@example.com", None),
    ],
)
def test_a_safe_wait_is_written_anew(value: str, kept: str | None) -> None:
    """It is kept as what was read of it, and not at all where nothing was."""
    assert safe_headers({"retry-after": value}).get("retry-after") == kept


def test_safe_dates_are_written_anew() -> None:
    """What stands around a date, and might echo the request, is not kept."""
    headers = {
        "date": "Wed, 27 Jan 2021 12:00:30 GMT; rosie@example.com",
        "retry-after": "Wed, 27 Jan 2021 12:00:30 GMT rosie@example.com",
    }
    kept = "Wed, 27 Jan 2021 12:00:30 GMT"
    assert safe_headers(headers) == {"date": kept, "retry-after": kept}

"""Who may notify, whom a notification is about, and what is no notification at all."""

import pickle
import traceback
from collections.abc import Iterator
from http.client import HTTPMessage
from typing import Any
from wsgiref.headers import Headers

import orjson
import pytest

from imin_accounts import DecodeError, InvalidRequest, Notification, NotificationRefused, read_notification

KEY = "agreed-with-imin"
BODY: dict[str, Any] = {
    "@context": "https://openactive.io/",
    "@type": "CustomerAccount",
    "@id": "https://book.imin.co/api/v2/customer-accounts/abc",
    "identifier": "abc",
}


def body(**members: Any) -> bytes:
    return orjson.dumps({**BODY, **members})


def read(sent: bytes | str = body(), headers: Any = None, key: Any = KEY) -> Notification:
    return read_notification({"X-Api-Key": KEY} if headers is None else headers, sent, key=key)


def test_the_documented_one() -> None:
    """Whose data changed, and the document's own members."""
    notification = read()
    assert (notification.customer, notification.type) == ("abc", "CustomerAccount")
    assert notification.id == BODY["@id"]
    assert pickle.loads(pickle.dumps(notification)) == notification


def http_server_headers() -> HTTPMessage:
    """As ``http.server`` hands them to a handler."""
    message = HTTPMessage()
    message["X-Api-Key"] = KEY
    return message


HEADERS: dict[str, Any] = {
    "http.server": http_server_headers(),
    "wsgiref": Headers([("Host", "x"), ("X-Api-Key", KEY)]),
    "pairs of bytearrays": [(bytearray(b"x-api-key"), memoryview(KEY.encode()))],
    "lower case": {"x-api-key": KEY},
    "upper case": {"X-API-KEY": KEY, "Content-Type": "application/json"},
    "pairs": [("Host", "x"), ("x-Api-Key", KEY)],
    "pairs of bytes, as in ASGI": [(b"x-api-key", KEY.encode())],
    "spaces around": {"X-Api-Key": f" {KEY}\t"},
    "twice the same": [("X-Api-Key", KEY), ("x-api-key", KEY)],
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_headers_of_any_framework(headers: Any) -> None:
    """Names in any case, mappings or pairs, text or bytes."""
    assert read(headers=headers).customer == "abc"


@pytest.mark.parametrize("key", [["next", KEY], (KEY,), {KEY, "other"}, iter([KEY])])
def test_several_keys(key: Any) -> None:
    """While they rotate, any of them will do."""
    assert read(key=key).customer == "abc"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Api-Key": ""},
        {"X-Api-Key": KEY[:-1]},
        {"X-Api-Key": KEY.upper()},
        {"X-Api-Key": KEY + "é"},
        {"X-Api-Key": "\ud800"},
        {"Authorization": KEY},
        [("X-Api-Key", KEY), ("X-Api-Key", "guess")],
    ],
)
def test_a_wrong_key(headers: Any) -> None:
    """Refused, before anything is read; the error tells nothing of the keys."""
    with pytest.raises(NotificationRefused) as caught:
        read(b"not JSON", headers=headers)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["", [], ["", KEY], [KEY, None], None, 5, b"bytes", " ", "two words", "clé"])
def test_an_unusable_key(key: Any) -> None:
    """It is refused, never compared: an empty key would let everybody in who sends none."""
    with pytest.raises(InvalidRequest):
        read(headers={"X-Api-Key": ""}, key=key)


def keys_that_fail() -> Iterator[str]:
    """Keys whose source fails after the first."""
    yield KEY
    raise KeyError


def torn() -> Iterator[tuple[str, str]]:
    """Headers whose source fails after the key."""
    yield "X-Api-Key", KEY
    raise KeyError


@pytest.mark.parametrize(
    "headers",
    [5, "X-Api-Key", [("X-Api-Key",)], [("X-Api-Key", 5)], {5: KEY}, torn()],
    ids=lambda each: type(each).__name__,
)
def test_unusable_headers(headers: Any) -> None:
    """They are neither a mapping nor pairs of texts: refused, and the key is in no frame of the error."""
    with pytest.raises(InvalidRequest, match="headers must be") as caught:
        read(headers=headers)
    assert KEY not in in_frames(caught.value)


def in_frames(error: BaseException) -> str:
    """The locals of the library's frames."""
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    return repr(frames[2:])


@pytest.mark.parametrize(
    "key",
    [[KEY, ""], [KEY, 5], KEY.encode(), f"{KEY} ", keys_that_fail()],
    ids=lambda each: type(each).__name__,
)
def test_an_unusable_key_leaves_none_in_the_frames(key: Any) -> None:
    """Such as the one before, unset, beside the good one: the notification has that in its headers."""
    with pytest.raises(InvalidRequest, match="key must be") as caught:
        read(key=key)
    assert KEY not in in_frames(caught.value)


UNREADABLE: dict[str, Any] = {
    "no JSON": b"{",
    "empty": b"",
    "no object": b"[]",
    "deep": b"[" * 65_000,
    "deep in a member": body(x=[[[[[]]]]])[:-6] + b"[" * 70 + b"]" * 75 + b"}",
    "too long": body() + b" " * 65_536,
    "two customers": body(identifier="abd"),
    "two customers, the path in the older form": body(**{"@id": "https://book.imin.co/api/v2/customers/x"}),
    "two customers, in the URL of accounts": body(
        **{"@id": "https://book.imin.co/api/v2/customers/xyz/accounts"}
    ),
    "two customers, in that of the newer pages": body(
        **{"@id": "https://gateway.example/customer-accounts/xyz/accounts/?a=/customers/abc"}
    ),
    "two customers, under the other key": body(id="/api/v2/customers/x%79z/accounts"),
    "a number beyond any": body()[:-1] + b',"x":[1e999]}',
    "an integer of too many digits": body()[:-1] + b',"x":-' + b"9" * 5000 + b"}",
    "not a number": body()[:-1] + b',"x":NaN}',
    "two ids": body(id="https://book.imin.co/api/v2/customers/x"),
    "nobody": orjson.dumps({"@type": "CustomerAccount"}),
    "an id that names nobody": orjson.dumps({"@id": "https://book.imin.co/"}),
    "a number": body(identifier=5),
    "an id of another type": body(**{"@id": {}}),
    "a customer that no request can name": body(identifier="..", **{"@id": None}),
    "an empty one": orjson.dumps({"identifier": ""}),
    "no text": {"identifier": "abc"},
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(sent: Any) -> None:
    """A DecodeError, of a text that names nobody."""
    with pytest.raises(DecodeError) as caught:
        read(sent)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("sent", "customer"),
    [
        (orjson.dumps({"identifier": "abc"}), "abc"),
        (orjson.dumps({"@id": "https://gateway.example/v3/customers/a%2Fb"}), "a/b"),
        (
            body(identifier="a/b ü", **{"@id": "https://book.imin.co/x/customer-accounts/a%2Fb%20%C3%BC/"}),
            "a/b ü",
        ),
        (body(**{"@id": "urn:event:17"}), "abc"),
        (body(**{"@id": "https://book.imin.co/api/v2/customers/abc/accounts"}), "abc"),
        (orjson.dumps({"@id": "https://book.imin.co/api/v2/customers/customers/accounts"}), "customers"),
        (body()[:-1] + b',"x":1e308,"y":12345678901234567890123}', "abc"),
        (b"\xef\xbb\xbf" + body(), "abc"),
        (body().decode(), "abc"),
        (body(x="y" * (65_536 - len(body(x="")))), "abc"),
    ],
)
def test_whom_it_is_about(sent: bytes | str, customer: str) -> None:
    """``identifier`` or ``@id`` will do, whatever stands before the customer in the path."""
    assert read(sent).customer == customer


def test_nothing_shows() -> None:
    """Neither the key nor the customer is in a repr, or in the locals of what raised."""
    assert "abc" not in repr(read())
    for sent, key in ((b"{abc", KEY), (body(), "wrong")):
        try:
            read_notification({"X-Api-Key": KEY}, sent, key=key)
        except (DecodeError, NotificationRefused) as error:
            frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack[1:]
            shown = repr([frame.locals for frame in frames])
            assert KEY not in shown
            assert "abc" not in shown

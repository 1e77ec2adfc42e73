"""Reading the two kinds of text that have a form of their own: dates and links for a browser."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from imin_accounts import from_jsonld, to_jsonld
from tests.strategies import Json, normal

ID = "https://id.example.com/1"
LINK = "https://book.imin.co/auth/connect-account?jwt=a.b-c_d"


def read_one(**members: Any) -> Any:
    """The only account of a reply, after seeing that it is written as it was received."""
    document: Json = {"imin:item": [{"seller": {"@id": ID}, **members}]}
    accounts = from_jsonld(orjson.dumps(document))
    assert normal(to_jsonld(accounts)) == normal(document)
    return accounts.item[0]


def read_link(*targets: str) -> Any:
    actions = [{"target": target} for target in targets]
    return read_one(**{"imin:matchingEmailExists": True, "potentialAction": actions})


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, id=target.encode("unicode_escape").decode())
        for target in [
            "",
            "connect",
            "//book.imin.co/x",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://book.imin.co/",
            "mailto:a@example.com",
            "https:///x",
            "https://",
            "https://[::1/",
            "https://book.imin.co:99999/",
            f" {LINK}",
            f"{LINK} ",
            f"{LINK}\n",
            f"{LINK}\x7f",
            f"{LINK}\x00x",
            "https://book.imin.co/\u202e",
            "https://[a]@",
            "https://x y/",
            "https://<",
            "https://a^b/",
            "https://a|b/",
            "https://a%00b/",
            "https://1.2.3.999/",
            "https://0x1.2.3.4.5/",
            "https://xn--a/",
            "https://a..b/",
            "https://.../",
            "https://:80/",
            "https://a:b/",
            "https://a:1:2/",
            "https://good.example\\@evil.example/",
            "https://[::1%25eth0]/",
            "https://" + "".join(chr(0x4E00 + n) for n in range(500)),
            "https://" + "é." * 200,
            "https://book.imin.co:\uff18\uff14/",
            "https://\u0301a.example/",
            "https://\u0660.example/",
            "https://0a.\u05d0/",
            "https://a\u063cb.example/",
            "https://a\u2488com/",
            "https://@/",
        ]
    ],
)
def test_no_link_for_a_browser(target: str) -> None:
    """Nothing but an http(s) URL becomes a target; the text is kept and a problem notes it."""
    account = read_link(target)
    assert account.potential_action[0].target is None
    assert account.potential_action[0].url is None
    assert account.problems == (
        "$['imin:item'][0].potentialAction[0].target: expected http(s) URL, got string",
    )


@pytest.mark.parametrize(
    "target",
    [
        LINK,
        "HTTPS://Book.imin.co/a?jwt=b",
        "http://localhost:8000/x",
        "https://[::1]:8/",
        "https://x?a",
        "http://é.example/é",
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "https://127.0.0.1:8443/",
        "https://a_b.example./",
    ],
)
def test_a_link_is_kept_byte_for_byte(target: str) -> None:
    """A link is what was received, as text and as a URL."""
    (action,) = read_link(target).potential_action
    assert action.target == target
    assert action.url is not None
    assert action.url.raw_query_string == target.partition("?")[2]


def test_an_odd_link_after_a_good_one() -> None:
    """That an origin is known lets no odd character through."""
    actions = read_link(LINK, f"{LINK}\x1f", f"{LINK} ", f"{LINK}\x7f", LINK).potential_action
    assert [action.target for action in actions] == [LINK, None, None, None, LINK]


T = "2021-01-27T12:00:00"
GOOD_DATES = [
    (f"{T}Z", datetime(2021, 1, 27, 12, tzinfo=UTC)),
    (f"{T}+00:00", datetime(2021, 1, 27, 12, tzinfo=UTC)),
    (f"{T}+01:00", datetime(2021, 1, 27, 12, tzinfo=timezone(timedelta(hours=1)))),
    (f"{T}-03:30", datetime(2021, 1, 27, 12, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
    (f"{T}-00:00", datetime(2021, 1, 27, 12, tzinfo=UTC)),
    (f"{T}.5Z", datetime(2021, 1, 27, 12, 0, 0, 500000, tzinfo=UTC)),
    (f"{T}.000Z", datetime(2021, 1, 27, 12, tzinfo=UTC)),
    (f"{T}.123456Z", datetime(2021, 1, 27, 12, 0, 0, 123456, tzinfo=UTC)),
    (f"{T}.1234560Z", datetime(2021, 1, 27, 12, 0, 0, 123456, tzinfo=UTC)),
    (f"{T}.50000000000+00:00", datetime(2021, 1, 27, 12, 0, 0, 500000, tzinfo=UTC)),
    ("2021-01-27", datetime(2021, 1, 27, tzinfo=UTC)),
    ("2020-02-29", datetime(2020, 2, 29, tzinfo=UTC)),
    (T.lower() + "z", datetime(2021, 1, 27, 12, tzinfo=UTC)),
    ("2020-02-29T23:59:59Z", datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ("9999-12-31T23:59:59-23:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=23)))),
]
BAD_DATES = [
    "2021-02-29",
    "2021-01-27Z",
    "2021-1-27",
    "20210127",
    "2021-W04-3",
    "2021-01-27T12:00:00",
    "2021-01-27 12:00:00Z",
    "2021-01-27_12:00:00Z",
    "20210127T120000Z",
    "2021-W04-3T12:00:00Z",
    "2021-W04T12:00:00.0Z",
    "20210127T120000.00Z",
    "2021-01-27T120000Z",
    "2021-01-27T12:00Z",
    "2021-01-27T12Z",
    "2021-01-27T12:00:00,5Z",
    "2021-01-27T12:00:00.1234567Z",
    "2021-01-27T12:00:00.Z",
    "2021-01-27T12:00:00+0100",
    "2021-01-27T12:00:00+01",
    "2021-01-27T12:00:00+24:00",
    "2021-01-27T12:00:00+12:60",
    "2021-01-27T24:00:00Z",
    "2021-01-27T24:00:00+00:00",
    "2021-01-27T12:60:00Z",
    "2016-12-31T23:59:60Z",
    "2021-02-29T12:00:00Z",
    "2021-13-01T12:00:00Z",
    "2021-00-01T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "-2021-01-27T12:00:00Z",
    "2021-01-27T12:00:00Z ",
    " 2021-01-27T12:00:00Z",
    "2021-01-27T12:00:00Z0",
    "2021-1-27T12:00:00Z",
    "٢٠٢١-01-27T12:00:00Z",
    "2021-01-27T12:00:00+00:00:00",
    "2021-01-27T12:00:00 +00:00",
    "2021-01-27T12:00:00+00.00",
    "2021-01-27T1?:00:00Z",
    "yesterday",
    "1611748800",
    "",
]


@pytest.mark.parametrize(("text", "date"), GOOD_DATES)
def test_a_date(text: str, date: datetime) -> None:
    """An RFC 3339 date-time reads as the same instant with the offset received."""
    read = read_one(dateLinked=text).date_linked
    assert read == date
    assert read.utcoffset() == date.utcoffset()


@pytest.mark.parametrize("text", BAD_DATES)
def test_no_date(text: str) -> None:
    """Any other text is no date: a problem, and the text is kept."""
    account = read_one(dateLinked=text)
    assert account.date_linked is None
    assert account.problems == ("$['imin:item'][0].dateLinked: expected RFC 3339 date-time, got string",)
    assert account.extra == {"dateLinked": text}

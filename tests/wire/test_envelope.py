"""What makes a document unreadable as a whole, and what strict reading refuses besides."""

from collections import UserDict
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from imin_accounts import DecodeError, UnrecognisedAccount, from_jsonld, to_jsonld
from imin_accounts.models import Extra
from tests.strategies import Json

TYPED = b'{"@type": "imin:Collection", "x": %b}'


def refusal(document: Any, **options: Any) -> DecodeError:
    """The error that reading comes to; it must hold on to no other."""
    with pytest.raises(DecodeError) as caught:
        from_jsonld(document, **options)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def nested(levels: int) -> Any:
    """Arrays in one another, so many levels deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


# Names as in the public JSON test suites: y must be read, n refused, i is left open and decided here.
JSON = {
    "y_array_empty": (b"[]", None),
    "y_array_null": (b"[null]", [None]),
    "y_array_spaces": (b"[ 1 ,\n2\t]", [1, 2]),
    "y_object_empty_key": (b'{"": 0}', {"": 0}),
    "y_object_escaped_null_in_key": (b'{"a\\u0000": 0}', {"a\0": 0}),
    "y_number_minus_zero": (b"-0", 0),
    "y_number_exponent": (b"1E+2", 100.0),
    "y_number_fraction": (b"0.5", 0.5),
    "y_number_tiny": (b"1e-400", 0.0),
    "y_number_64_bits": (b"18446744073709551615", 2**64 - 1),
    "y_string_escapes": (b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'),
    "y_string_surrogate_pair": (b'"\\ud83d\\ude00"', "\U0001f600"),
    "y_string_utf8": ('"é\U0001f600"'.encode(), "é\U0001f600"),
    "y_string_del": (b'"\x7f"', "\x7f"),
    "y_string_line_separator": ('"\u2028"'.encode(), "\u2028"),
    "y_string_nonchar": ('"\uffff"'.encode(), "\uffff"),
    "y_structure_true": (b"true", True),
    "i_object_duplicate_keys": (b'{"a": 1, "a": 2}', {"a": 2}),
    "y_number_beyond_64_bits": (b"18446744073709551616", 2**64),
    "y_number_below_64_bits": (b"[-9223372036854775809]", [-(2**63) - 1]),
    "y_number_of_4300_digits": (b"9" * 4300, 10**4300 - 1),
    "y_number_large_float": (b"1e300", 1e300),
    "i_number_precision": (b"0.1000000000000000055511151231257827", 0.1),
}


@pytest.mark.parametrize(("text", "value"), JSON.values(), ids=JSON)
def test_json(text: bytes, value: Any) -> None:
    """Any JSON value may be an unknown member's, and is written as it was read."""
    accounts = from_jsonld(TYPED % text)
    assert accounts.extra == ({} if value is None else {"x": value})
    assert to_jsonld(accounts) == {"@type": "imin:Collection"} | dict(accounts.extra)


NOT_JSON = {
    "n_array_comma": b"[1,]",
    "n_array_unclosed": b"[1",
    "n_array_no_comma": b"[1 2]",
    "n_object_comma": b'{"a": 1,}',
    "n_object_comment": b"{} // so",
    "n_object_single_quotes": b"{'a': 1}",
    "n_object_no_colon": b'{"a" 1}',
    "n_object_key_unquoted": b"{a: 1}",
    "n_number_nan": b"NaN",
    "n_number_infinity": b"-Infinity",
    "n_number_leading_zero": b"012",
    "n_number_plus": b"+1",
    "n_number_hex": b"0x1",
    "n_number_dot": b"1.",
    "n_number_fullwidth": "\uff11".encode(),
    "n_string_control": b'"\x1f"',
    "n_string_newline": b'"\n"',
    "n_string_escape": b'"\\x41"',
    "n_string_unclosed": b'"a',
    "n_string_short_unicode": b'"\\u00"',
    "n_string_lone_surrogate": b'"\\ud800"',
    "n_string_half_pair": b'"\\ud83dx"',
    "n_string_low_surrogate": b'"\\ude00"',
    "n_string_invalid_utf8": b'"\xff"',
    "n_string_overlong_utf8": b'"\xc0\xaf"',
    "n_string_surrogate_utf8": b'"\xed\xa0\x80"',
    "n_structure_word": b"nul",
    "n_structure_capital": b"True",
    "n_structure_two_values": b"1} {",
    "n_structure_null_byte": b"1\0",
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_not_json(text: bytes) -> None:
    """Anything that is not strictly JSON is refused, wherever it is."""
    assert "expected JSON" in str(refusal(TYPED % text))


ENVELOPES = {
    "nothing": (b"", "$: expected JSON, got something else at line 1, column 1"),
    "utf-16": ("{}".encode("utf-16"), "$: expected JSON, got something else at line 1, column 1"),
    "lone surrogate as text": ("\ud800", "$: expected JSON, got something else at line 1, column 1"),
    "a page": (b"<html>", "$: expected JSON, got something else at line 1, column 1"),
    "another type": (5, "$: expected object, got number"),
    "no JSON at all": (object(), "$: expected a JSON value, got object"),
    "array": (b"[]", "$: expected object, got array"),
    "string": (b'""', "$: expected object, got string"),
    "null": (b"null", "$: expected object, got null"),
    "empty": (b"{}", "$['imin:item']: expected array, got nothing"),
    "an error body": (b'{"@type": "NotFoundError"}', "$['imin:item']: expected array, got nothing"),
    "null items without type": (b'{"imin:item": null}', "$['imin:item']: expected array, got nothing"),
    "two types": (b'{"@type": ["imin:Collection", "x"]}', "$['imin:item']: expected array, got nothing"),
    "items a string": (b'{"imin:item": ""}', "$['imin:item']: expected array, got string"),
    "items a number": (
        b'{"@type": "imin:Collection", "imin:item": 0}',
        "$['imin:item']: expected array, got number",
    ),
    "items false": (b'{"imin:item": false}', "$['imin:item']: expected array, got boolean"),
}


@pytest.mark.parametrize(("document", "problem"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_unreadable_envelope(document: Any, problem: str) -> None:
    """What is no collection of accounts is refused, and the error says where and why."""
    assert refusal(document).problems == (problem,)


@pytest.mark.parametrize(
    "document",
    [
        {"@type": "imin:Collection"},
        {"type": "imin:Collection"},
        {"@type": "imin:Collection", "imin:item": None},
        {"@type": "imin:Collection", "imin:item": []},
        {"@type": ["imin:Collection"]},
        {"imin:item": []},
    ],
    ids=["absent", "type", "null", "[]", "type in an array", "[] alone"],
)
def test_no_sellers(document: Json) -> None:
    """The collection's type or an empty array says that there are none."""
    accounts = from_jsonld(orjson.dumps(document))
    assert len(accounts) == 0
    assert not accounts.problems


def test_a_single_item() -> None:
    """One object in place of the array is one account; its paths have no index."""
    accounts = from_jsonld({"imin:item": {}})
    assert accounts.item == (UnrecognisedAccount(document={}),)
    assert accounts.item[0].problems == (
        "$['imin:item'].seller: expected object, got nothing",
        "$['imin:item']['imin:matchingEmailExists']: expected boolean, got nothing",
    )
    assert to_jsonld(accounts) == {"imin:item": {}}


PLACES: dict[str, Any] = {
    "envelope": (lambda levels: {"@type": "imin:Collection", "x": nested(levels - 1)}),
    "item": (
        lambda levels: {"imin:item": [{"seller": {"@id": "s"}, "entitlement": [{}], "x": nested(levels - 3)}]}
    ),
    "logo beside an image": (
        lambda levels: {
            "imin:item": [
                {
                    "seller": {"@id": "s", "image": {"url": "i"}, "logo": {"x": nested(levels - 5)}},
                    "imin:matchingEmailExists": True,
                }
            ]
        }
    ),
    "unrecognised": (lambda levels: {"imin:item": [nested(levels - 2)]}),
    "single item": (lambda levels: {"imin:item": {"x": nested(levels - 2)}}),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("form", [orjson.dumps, dict], ids=["bytes", "parsed"])
def test_depth(place: Any, form: Any) -> None:
    """64 levels are read, wherever they are; 65 are refused."""
    assert to_jsonld(from_jsonld(form(place(64)))) == place(64)
    assert refusal(form(place(65))).problems == ("$: expected at most 64 levels, got more",)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_endless_depth(opening: bytes) -> None:
    """A hundred thousand levels are refused like any others, closed or not."""
    (problem,) = refusal(TYPED % (opening * 100_000)).problems
    assert problem == "$: expected at most 64 levels, got more"


CYCLE: Json = {"@type": "imin:Collection"}
CYCLE["x"] = CYCLE
PARSED = {
    "lone surrogate": ({"x": "a\ud800"}, "$.x: expected Unicode text, got a lone surrogate"),
    "surrogate in a key": ({"\udfff": 1}, "$: expected Unicode text, got a lone surrogate"),
    "key": ({"x": {1: 2}}, "$.x: expected strings as keys, got int"),
    "bytes": ({"x": b""}, "$.x: expected a JSON value, got bytes"),
    "tuple": ({"x": ()}, "$.x: expected a JSON value, got tuple"),
    "date": ({"x": datetime.now(UTC)}, "$.x: expected a JSON value, got datetime"),
    "a key that may be data": ({"rosie@example.com": b""}, "$['…']: expected a JSON value, got bytes"),
    "cycle": (CYCLE, "$: expected at most 64 levels, got more"),
}


@pytest.mark.parametrize(("document", "problem"), PARSED.values(), ids=PARSED)
def test_a_parsed_document_that_json_has_not(document: Json, problem: str) -> None:
    """A parsed document is held to what JSON text can say."""
    assert refusal({"@type": "imin:Collection", **document}).problems == (problem,)


def test_a_parsed_document_may_be_any_mapping() -> None:
    """Mappings count as objects; integers of any size are kept, since Python can say them."""
    accounts = from_jsonld(UserDict({"@type": "imin:Collection", "x": Extra({"y": 10**30})}))
    assert to_jsonld(accounts) == {"@type": "imin:Collection", "x": {"y": 10**30}}


def test_strict_names_every_problem_at_once() -> None:
    """The envelope's problems come first, then each item's, in their order."""
    document = {"@id": 5, "imin:item": [{"seller": {"@id": "s"}, "dateLinked": 1, "customer": 2}, "x"]}
    error = refusal(document, strict=True)
    assert error.problems == (
        "$['@id']: expected string, got number",
        "$['imin:item'][0].dateLinked: expected RFC 3339 date-time, got number",
        "$['imin:item'][0].customer: expected object, got number",
        "$['imin:item'][1]: expected object, got string",
    )
    assert str(error) == "$['@id']: expected string, got number (and 3 more)"


def test_the_envelope_keeps_what_it_can_not_read() -> None:
    """Its odd members are kept and named; they cost the items nothing."""
    document = {"@id": 5, "imin:entitlementFilter": ["f"], "x": 1, "imin:item": [{"seller": {"@id": "s"}}]}
    accounts = from_jsonld(orjson.dumps(document))
    assert accounts.problems == (
        "$['@id']: expected string, got number",
        "$['imin:entitlementFilter']: expected string, got array",
    )
    assert to_jsonld(accounts) == document


@pytest.mark.parametrize("secret", ["rosie@example.com", "0123456789", "2021-13-45T00:00:00Z"])
def test_no_value_is_ever_named(secret: str) -> None:
    """Problems, errors and representations show nothing of what was received."""
    item = {"seller": {"@id": [secret], "email": {secret: secret}}, "dateLinked": secret, secret: secret}
    accounts = from_jsonld({"@id": secret, "imin:item": [item, secret], secret: secret})
    shown = [repr(accounts), str(accounts.drift()), *(p for account in accounts for p in account.problems)]
    shown.append(str(refusal(f'{{"imin:item": {secret}')))
    assert not [text for text in shown if secret in text]

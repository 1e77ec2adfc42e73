"""What becomes of each kind of value."""

import json
import re
from typing import Any

import pytest

from imin_accounts import DecodeError, from_jsonld
from imin_accounts.cli._redaction.reply import redacted
from imin_accounts.models import ConnectAction


def copy_of(document: Any) -> Any:
    """The redacted copy as JSON values."""
    return json.loads(redacted(json.dumps(document).encode()))


def text(value: str) -> str:
    """What becomes of one text."""
    copy: str = copy_of([value])[0]
    return copy


URLS = {
    "https": ("https://acme.example.com/rosie", r"https://\w{4}\.\w{7}\.qx\w/\w{5}"),
    "upper case": ("HTTPS://Acme.example.com/", r"HTTPS://\w{4}\.\w{7}\.qx\w/"),
    "port": ("http://localhost:8080/a", r"http://\w{9}:(?!8080)\d{4}/\w"),
    "user": ("https://rosie:secret@acme.com", r"https://\w{5}:\w{6}@\w{4}\.qx\w"),
    "query": ("https://a.uk/?email=rosie%40b.com#top", r"https://\w\.[qx]\w/\?\w{5}=\w{5}%40\w\.\w{3}#\w{3}"),
    "encoded": ("https://a.uk/J%C3%B6rg", r"https://\w\.[qx]\w/\w(%[0-9A-F]{2}){2}\w{2}"),
    "international": ("https://bücher.example/x", r"https://\w{6}\.qx\w{5}/\w"),
    "four numbers": ("https://192.168.1.10/x", r"https://\d{3}\.\d{3}\.\d\.\d{2}/\w"),
    "longest port": ("http://localhost:65535/a", r"http://\w{9}:[1-5]\d{4}/\w"),
    "short port": ("http://localhost:443/a", r"http://\w{9}:443/\w"),
    "brackets": ("https://[2001:db8::1]:8443/x", r"https://\[\d{4}:[a-f]{2}\d::\d\]:\d{4}/\w"),
    "data": ("data:image/png;base64,iVBORw0KGgo=", r"data:image/png;base64,\w{11}="),
    "urn": ("urn:seller:4711", r"urn:\w{6}:\d{4}"),
    "uuid": ("urn:uuid:5e78bcbe-36db-425a-9064-bf96d09cc351", r"urn:uuid:[0-9a-f-]{36}"),
    "mailto": ("mailto:rosie@example.com", r"mailto:\w{5}@\w{7}\.\w{3}"),
    "tel": ("tel:+441455890508", r"tel:\+\d{12}"),
    "in a text": ("see https://acme.com/x now", r"\w{3} https://\w{4}\.\w{3}/\w \w{3}"),
}


@pytest.mark.parametrize(("url", "pattern"), URLS.values(), ids=URLS)
def test_a_url_stays_one_of_its_kind(url: str, pattern: str) -> None:
    """Scheme, form and length; a link that a browser takes stays one."""
    copy = text(url)
    assert re.fullmatch(pattern, copy)
    assert len(copy) == len(url)
    assert copy != url
    assert (ConnectAction(target=copy).url is None) == (ConnectAction(target=url).url is None)


def test_a_word_keeps_the_kind_of_each_character() -> None:
    """Small and capital letters, and digits; a number begins with none that is 0."""
    assert re.fullmatch(
        "[A-Z][a-z]{4} [a-z]{9} [1-9][0-9]{4} [a-z][0-9][a-z]{2}", text("Rosie swimmings 47110 b4rn")
    )


def test_a_text_of_signs_only_is_replaced_by_signs() -> None:
    """A token may be one; up to three are punctuation, and stay."""
    copies = {text("#!%&/()=?") for _ in range(20)}
    assert len(copies) > 10
    assert all(len(each) == 9 and not any(map(str.isalnum, each)) for each in copies)
    assert text("?!") == "?!"


ODD_LINKS = (
    "https://[a/x",
    "https://rosie.example:99999/x",
    "https://a b/",
    "https://xn--a/x",
    "https:///rosie",
)


@pytest.mark.parametrize("target", ODD_LINKS)
def test_what_is_no_link_becomes_none(target: str) -> None:
    """A target that could not be read can't be read in the copy either."""
    assert ConnectAction(target=target).url is None
    assert ConnectAction(target=text(target)).url is None


DATES = ("2021-01-27", "2021-01-27T12:00:00Z", "2021-01-27t12:00:00.5z", "2021-01-27T12:00:00+05:30",
         "2021-01-27T12:00:00", "2021-01-27 12:00", "1987-11-03", "2024-02-29")  # fmt: skip


def test_dates_move_by_one_number_of_days() -> None:
    """All of them, whatever their form, which stays; so does what one is after another."""
    from datetime import date

    moved = copy_of(DATES)
    days = {
        date.fromisoformat(new[:10]) - date.fromisoformat(old[:10])
        for old, new in zip(DATES, moved, strict=True)
    }
    assert len(days) == 1
    assert abs(days.pop().days) >= 30
    assert [each[10:] for each in moved] == [each[10:] for each in DATES]


@pytest.mark.parametrize(
    "dates", [("9999-12-31", "2021-01-27"), ("0001-01-01",), ("0001-01-01", "9999-12-31")]
)
def test_no_date_leaves_the_calendar(dates: tuple[str, ...]) -> None:
    """Not where somebody writes the last one there is for "never" either."""
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", each) for each in copy_of(dates))
    assert set(copy_of(dates)).isdisjoint(dates)


@pytest.mark.parametrize(
    ("dates", "moved"),
    [
        (("0001-01-01", "9999-12-30"), ["0001-01-02", "9999-12-31"]),
        (("0001-01-02", "9999-12-31"), ["0001-01-01", "9999-12-30"]),
        (("0001-01-01", "9999-12-01"), ["0001-01-31", "9999-12-31"]),
        (("0001-01-31", "9999-12-31"), ["0001-01-01", "9999-12-01"]),
    ],
)
def test_dates_move_as_far_as_there_is_room(dates: tuple[str, ...], moved: list[str]) -> None:
    """By 30 days where there are so many before or after them, else by the one that there is."""
    for _ in range(5):
        assert copy_of(dates) == moved


@pytest.mark.parametrize("odd", ["2021-02-30", "2021-13-01T00:00:00Z", "0000-01-01"])
def test_what_is_no_date_becomes_none(odd: str) -> None:
    """A problem stays a problem."""
    item = {"seller": {"@id": "urn:1"}, "dateLinked": odd}
    for _ in range(20):
        assert from_jsonld(copy_of({"imin:item": [item]}))[0].problems


NUMBERS = {
    "price": ("12.5", True),
    "share": ("100", True),
    "phone": ("1455890508", False),
    "below zero": ("-1234", False),
    "place": ("51.5074", False),
    "small": ("0.00001234", False),
    "spelled": ("1.0", True),
    "beyond floats": ("1e999", True),
    "long": ("9" * 40, False),
    "with exponent": ("1.23456e300", False),
}


@pytest.mark.parametrize(("number", "stays"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_of_four_digits_is_replaced(number: str, stays: bool) -> None:
    """By one of as many, spelled alike; prices, shares and counts stay."""
    copy = redacted(f"[{number}]".encode()).strip("[] \n")
    assert (copy == number) is stays
    assert re.sub(r"\d", "0", copy) == re.sub(r"\d", "0", number)
    assert type(json.loads(copy)) is type(json.loads(number))


def test_a_number_stays_on_its_side_of_one() -> None:
    """A share stays a share; what is more never begins with a zero, which JSON has not."""
    copies = [json.loads(redacted(b"[0.12345, 1.2345]")) for _ in range(60)]
    assert all(share < 1 <= more for share, more in copies)
    assert len({int(more) for _, more in copies}) > 4


def test_a_number_and_a_text_of_the_same_digits_stay_the_same() -> None:
    """What a document says twice, in two types, is still the same."""
    one, other = copy_of([1455890508, "1455890508"])
    assert (str(one), type(one)) == (other, int)


KEYS = {
    "member": ("favouriteColour", True),
    "of a namespace": ("imin:loyaltyTier", True),
    "as a URL": ("https://openactive.io/ns-beta#codeType", True),
    "odd": ("x: y!", True),
    "address": ("rosie@example.com", False),
    "phone": ("01455 890508", False),
    "name": ("Rosie Smith", False),
    "an identifier of the document": ("MAlnTNiZut", False),
    "another one": ("1.2-AcmeSecret", False),
    "a number with a word": ("customer-1234567", False),
    "a name with a year": ("RosieSmith1985", False),
    "a path": ("customers/rosie", False),
    "a URL of somebody's": ("https://id.example.com/rosie", False),
    "a URL like a vocabulary's": ("https://notschema.org/rosie", False),
    "a version": ("imin:v2", True),
    "schema.org's URL": ("http://schema.org/colour", True),
}


@pytest.mark.parametrize(("key", "stays"), KEYS.values(), ids=KEYS)
def test_a_key_stays_unless_it_is_data(key: str, stays: bool) -> None:
    """In what the API does not document there may be a table by address, or by identifier."""
    document = {"@id": "https://h.example/customers/MAlnTNiZut/accounts", "imin:item": []}
    copy = copy_of({**document, "x:byWhom": {key: 1, "who": ["MAlnTNiZut", "1.2-AcmeSecret"]}})
    assert (key in copy["x:byWhom"]) is stays
    assert list(copy) == [*document, "x:byWhom"]


def test_json_within_a_text_is_text() -> None:
    """A body that somebody kept as a string is redacted as far as its own quotes and braces."""
    inner = json.dumps({"api_key": "sk-1234", "email": "rosie@example.com"})
    copy = text(inner)
    assert [each for each in ("api_key", "sk-1234", "rosie", "example") if each in copy] == []
    assert re.sub(r"\w", "x", copy) == re.sub(r"\w", "x", inner)


def test_a_key_that_drift_shows_stays_whatever_it_is() -> None:
    """Both read to the same drift."""
    document = {"imin:item": [], "MAlnTNiZut": "MAlnTNiZut"}
    assert from_jsonld(copy_of(document)).drift() == from_jsonld(document).drift()


@pytest.mark.parametrize("name", ["customer-1234567", "customers/rosie", "https://id.example.com/rosie"])
def test_a_name_that_drift_does_not_show_goes_wherever_it_stands(name: str) -> None:
    """As a member of what is documented, and as a type; and both read to the same drift."""
    seller = {"@id": "urn:1", "@type": name, name: 1}
    document = {"imin:item": [{"@type": "Account", "seller": seller, "imin:matchingEmailExists": True}]}
    copy = copy_of(document)
    assert name not in json.dumps(copy)
    assert from_jsonld(copy).drift() == from_jsonld(document).drift()
    assert name not in str(from_jsonld(document).drift())


def test_types_stay_those_that_nobody_knows_too() -> None:
    """In any spelling; but what is no name of a type is data."""
    types = ["imin:LoyaltyCard", "https://schema.org/Barcode", "schema:Person", "GoldMember"]
    copy = copy_of([*({"@type": each} for each in types), {"type": "Rosie Smith"}])
    assert [each["@type"] for each in copy[:-1]] == types
    assert copy[-1]["type"] not in ("Rosie Smith", *types)


def test_vocabulary_stays() -> None:
    """Statuses and contexts; but an unknown status is a text, and a known type elsewhere one word of two."""
    terms = [
        "https://schema.org/CompletedActionStatus",
        "FailedActionStatus",
        "https://openactive.io/",
        "Person",
    ]
    assert copy_of(terms) == terms
    assert text("https://schema.org/RosieActionStatus") != "https://schema.org/RosieActionStatus"
    assert "Person" not in text("Person Smith")


def test_what_belongs_together_still_does() -> None:
    """The same customer, host or seller is the same wherever it stands."""
    document = {
        "@id": "https://book.imin.co/api/v2/customers/MAlnTNiZut/accounts",
        "imin:item": [],
        "who": ["MAlnTNiZut", "https://acme.com/", "hello@acme.com"],
    }
    copy = copy_of(document)
    customer, site, address = copy["who"]
    assert copy["@id"].endswith(f"/api/v2/customers/{customer}/accounts")
    assert from_jsonld(copy).customer == customer != "MAlnTNiZut"
    assert site.removeprefix("https://").rstrip("/") == address.partition("@")[2]


def test_thousands_of_numbers_stay_apart() -> None:
    """Identifiers of four digits that fill half of all there are, and all of three and of two."""
    numbers = [str(each) for each in (*range(1000, 6000), *range(100, 1000), *range(10, 100))]
    copy = copy_of(numbers)
    assert len(set(copy)) == len(numbers)
    assert {*copy[:5000]}.isdisjoint(numbers)
    assert [one for one, other in zip(numbers, copy, strict=True) if one == other] == []


@pytest.mark.parametrize(
    "long", ["a" * 300_000, "https://" + "a." * 100_000, "%41" * 100_000, "ab@" * 30_000]
)
def test_a_long_text_takes_no_longer_than_its_length(long: str) -> None:
    """Nothing here takes the square of it, which would be minutes."""
    assert len(text(long)) == len(long)


@pytest.mark.parametrize("body", ["", "{", '{"a": NaN}', "[1,]", '"\\ud800"', "// x\n{}", "\xff"])
def test_what_is_no_json_is_refused(body: str) -> None:
    """As by ``read`` itself."""
    with pytest.raises(DecodeError, match="expected JSON"):
        redacted(body.encode("latin-1"))


def test_what_is_too_deep_is_refused() -> None:
    """Without a traceback; 65 levels, which no reply has, are no matter."""
    with pytest.raises(DecodeError):
        redacted(b"[" * 100_000 + b"]" * 100_000)
    assert redacted(b"[" * 65 + b"]" * 65).count("[") == 65


@pytest.mark.parametrize("member", ["familyName", "jobTitle", "additionalName", "note"])
@pytest.mark.parametrize("word", ["Person", "Organization", "Entitlement"])
def test_a_word_of_the_vocabulary_is_a_name_too(member: str, word: str) -> None:
    """As a type it stays; as what somebody is called it does not."""
    made = json.loads(redacted(json.dumps({"type": "Person", member: word}).encode()))
    assert made["type"] == "Person"
    assert made[member] != word


def test_an_address_is_the_same_within_a_text() -> None:
    """The same wherever it stands: alone, and in what somebody wrote."""
    document = {"email": "rosie.bloggs@mail.example.com", "note": "ask rosie.bloggs@mail.example.com, please"}
    made = json.loads(redacted(json.dumps(document).encode()))
    assert f" {made['email']}, " in made["note"]

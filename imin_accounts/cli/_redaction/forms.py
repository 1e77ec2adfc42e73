"""Texts and numbers of a document by their form: what of a date, a URL or an address has to stay as it is."""

import ipaddress
import math
import re
import string
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from random import Random

from imin_accounts.cli._redaction.words import SHORT, WORD, Words, alphabet
from imin_accounts.models import ConnectAction

_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?P<time>(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9}0*)?)?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)"
)
_URL = re.compile(r"(?P<scheme>https?|ftp|wss?)://(?P<authority>[^/?#\s]*)(?P<rest>.*)", re.I | re.S)
_AUTHORITY = re.compile(
    r"(?P<user>(?:.*@)?)(?P<host>\[[^\]]*\]|[^:\[\]]*)(?P<port>(?::[0-9]*)?)(?P<rest>.*)", re.S
)
_EMAIL = re.compile(r"(?P<user>[^@\s]+)@(?P<host>[^@\s/:?#]+\.[^@\s/:?#.]+)")
# The end of a collection's URL, by which a reply says whom it is about.
_COLLECTION = re.compile(
    r"(?P<before>.*?)(?P<api>(?:/api/v[0-9]{1,2})?/customer(?:s|-accounts)/)(?P<customer>[^/?#]+)"
    r"(?P<accounts>/accounts/?)(?P<after>(?:[?#].*)?)",
    re.S,
)
_MEDIA = r"image/(?:png|jpeg|gif|webp|svg\+xml)|text/(?:plain|html)|application/(?:pdf|json)"
_TOKEN = re.compile(
    rf"(?P<kept>\Adata:(?:{_MEDIA})?(?:;base64)?(?=,)"
    r"|\A(?:data|urn(?::uuid)?|mailto|tel|sms|javascript|about|blob|file)(?=:)"
    r"|(?<![A-Za-z0-9+.-])(?:https?|ftp|wss?)(?=://))"
    r"|(?P<email>(?<![A-Z0-9._%+-])[A-Z0-9._%+-]{1,64}"
    r"@[A-Z0-9-]{1,63}(?:\.[A-Z0-9-]+)*\.[A-Z]{2,}(?![A-Z0-9-]))"
    r"|(?P<percent>(?:%[0-9A-F]{2})+)"
    r"|(?P<uuid>[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})"
    rf"|(?P<word>{WORD})",
    re.I,
)
_NUMBER = re.compile(r"(?P<sign>-?)(?P<mantissa>[0-9]+(?:\.[0-9]+)?)(?P<exponent>.*)")

_TRIES = 100
_MOST_DAYS = 7300
_LAST_DAY = date.max.toordinal()
_NO_UTF8 = "\x80\x81\x82\x83\x84\x85\x86\x87"  # bytes that begin no character
_HEX = dict.fromkeys(string.digits, string.digits) | {
    each: letters for letters in ("abcdef", "ABCDEF") for each in letters
}
# Two letters that ISO 3166 leaves to its users: no country has them, so there are no such hosts.
_NO_COUNTRY = [a + b for a, last in (("q", "mnopqrstuvwxyz"), ("x", string.ascii_lowercase)) for b in last]


class Forms:
    """What each text and number of one document becomes.

    Args:
        texts: All texts of the document that may be personal.
    """

    def __init__(self, texts: Iterable[str], dice: Random) -> None:
        self._texts = texts
        self._words = Words(texts, dice)

    def text(self, text: str) -> str:
        """What stands for a text: as long, and of the same form."""
        if found := _DATE.fullmatch(text):
            return self._date(text, found)
        if found := _URL.fullmatch(text):
            return self._url(text, found)
        if found := _EMAIL.fullmatch(text):
            return f"{self._plain(found['user'])}@{self._host(found['host'])}"
        if len(text) > SHORT and not _TOKEN.search(text):  # nothing but punctuation
            return self._words.drawn("signs", text, [alphabet(each) for each in text])
        return self._path(text)

    def number(self, text: str) -> str:
        """What stands for a JSON number. Up to three digits are a price, a share or a count, and stay."""
        found = _NUMBER.fullmatch(text)
        assert found is not None  # it is one
        sign, mantissa, exponent = found.group("sign", "mantissa", "exponent")
        if sum(map(str.isdigit, mantissa)) <= SHORT:
            return text
        if mantissa.isdigit() and not exponent and (word := self._words.word(mantissa)).isdigit():
            return sign + word
        first = mantissa[0] if mantissa[0] == "0" or exponent else "123456789"
        alphabets = [first, *(string.digits if each.isdigit() else each for each in mantissa[1:])]
        for attempt in range(_TRIES):
            fake = sign + self._words.drawn(f"number {attempt}", mantissa, alphabets) + exponent
            if math.isfinite(float(fake)) == math.isfinite(float(text)):
                return fake
        return text  # at the very edge of what floats hold

    # -- dates

    def _date(self, text: str, found: "re.Match[str]") -> str:
        ordinal = _day(text)
        if ordinal is None:  # such as the 30th of February, which has to stay no date
            fake = self._plain(text)
            return fake if _day(fake) is None else f"{fake[:5]}99{fake[7:]}"
        moved = date.fromordinal((ordinal + self._days - 1) % _LAST_DAY + 1)
        return f"{moved.isoformat()}{found['time']}"

    @cached_property
    def _days(self) -> int:
        """By how many days every date moves: so that none leaves the calendar, if that can be."""
        days = [day for text in self._texts if (day := _day(text)) is not None]
        back = min(days) - 1
        ahead = _LAST_DAY - max(days)
        for least in (30, 1):
            steps = [*range(-min(back, _MOST_DAYS), 1 - least), *range(least, min(ahead, _MOST_DAYS) + 1)]
            if steps:
                break
        else:
            steps = [*range(30, _MOST_DAYS)]
        days_moved: int = self._words.dice.choice(steps)
        return days_moved

    # -- URLs

    def _url(self, text: str, found: "re.Match[str]") -> str:
        authority = _AUTHORITY.fullmatch(found["authority"])
        assert authority is not None  # it matches anything
        fake = (
            f"{found['scheme']}://{self._plain(authority['user'])}{self._host(authority['host'])}"
            f"{self._port(authority['port'])}{self._plain(authority['rest'])}{self._path(found['rest'])}"
        )
        if _is_link(fake) == _is_link(text):
            return fake
        start = len(found["scheme"]) + 3
        if _is_link(fake):  # whatever made the document's no link, such as a host that can't be one
            return f"{fake[:start]}[{fake[start + 1 :]}"
        count = len(text) - start
        letters = self._words.drawn("link", text, [string.ascii_lowercase] * count)
        return f"{fake[:start]}{letters[:60]}{letters[60:61] and '/'}{letters[61:]}"

    def _path(self, text: str) -> str:
        """That a URL is that of a customer's accounts is no secret; whose they are is one."""
        found = _COLLECTION.fullmatch(text)
        if found is None:
            return self._plain(text)
        before, customer, after = (self._plain(found[each]) for each in ("before", "customer", "after"))
        return f"{before}{found['api']}{customer}{found['accounts']}{after}"

    def _host(self, host: str) -> str:
        """A host that nobody has."""
        if _is_ip(host.strip("[]")):
            if ":" in host:
                return self._words.drawn("ip", host, [_HEX.get(each, each) for each in host])
            first, *others = host.split(".")
            return ".".join([self._octet(first, at_least=240), *map(self._octet, others)])
        before, dot, last = host.rpartition(".")
        return f"{self._plain(before)}{dot}{self._top(last) if dot else self._plain(last)}"

    def _octet(self, text: str, at_least: int = 100) -> str:
        """A part of an IPv4 address. From 240 on, as the first one, they are nobody's."""
        low, high = {1: (0, 9), 2: (10, 99)}.get(len(text), (at_least, 255))
        return self._words.one_of(f"octet {low}", text, [str(each) for each in range(low, high + 1)])

    def _top(self, label: str) -> str:
        """A last label that is no top-level domain, such as ``qxk`` for ``com``."""
        if not (label.isascii() and label.isalpha() and len(label) > 1):
            return self._plain(label)
        if len(label) == 2:
            return self._words.one_of("top", label, _NO_COUNTRY)
        return self._words.drawn("top", label, ["q", "x", *[string.ascii_lowercase] * (len(label) - 2)])

    def _port(self, port: str) -> str:
        if len(port) - 1 <= SHORT:
            return port
        first = "12345" if int(port[1:]) <= 65_535 else "789"
        return self._words.drawn("port", port, [":", first, *[string.digits] * (len(port) - 2)])

    # -- text

    def _plain(self, text: str) -> str:
        return _TOKEN.sub(self._token, text)

    def _token(self, found: "re.Match[str]") -> str:
        match found.lastgroup:
            case "word":
                return self._words.word(found[0])
            case "email":  # the same as where it stands alone
                user, _, host = found[0].rpartition("@")
                return f"{self._plain(user)}@{self._host(host)}"
            case "uuid":
                return self._words.drawn("uuid", found[0], [_HEX.get(each, each) for each in found[0]])
            case "percent":
                return self._percent(found[0])
            case _:
                return found[0]

    def _percent(self, run: str) -> str:
        """Percent-encoded characters; what is punctuation stays, and what is no UTF-8 stays none."""
        raw = bytes.fromhex(run.replace("%", ""))
        beyond = string.ascii_lowercase if _is_utf8(raw) else _NO_UTF8
        alphabets = [
            beyond if each > "\x7f" else alphabet(each) if each.isalnum() else each for each in map(chr, raw)
        ]
        if all(len(each) == 1 for each in alphabets):
            return run
        return "".join(f"%{ord(each):02X}" for each in self._words.drawn("percent", run, alphabets))


def _day(text: str) -> int | None:
    """The day of a text that is a date, as its number in the calendar."""
    found = _DATE.fullmatch(text)
    try:
        return date.fromisoformat(found["day"]).toordinal() if found else None
    except ValueError:
        return None


def _is_link(text: str) -> bool:
    return ConnectAction(target=text).url is not None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True

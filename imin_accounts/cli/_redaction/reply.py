"""The document: JSON text to values, each with its key; what is vocabulary stays; and back to text."""

import json
import re
from collections.abc import Iterator
from random import Random
from secrets import token_bytes
from typing import Any, NoReturn

import attrs

from imin_accounts import DecodeError, SellerAccounts, from_jsonld
from imin_accounts.cli._redaction.forms import Forms
from imin_accounts.cli._redaction.words import SHORT
from imin_accounts.models import ActionStatus

_TYPES = {
    *("imin:Collection", "Account", "CustomerAccount", "Organization", "Person", "ImageObject", "Barcode"),
    *("Entitlement", "EntitlementConflict", "BarcodeInvalidError", "UpdateFailedError", "Concept"),
    *("EvidenceRequestAction", "RegisterAction", "CreateAction", "imin:AccessPassUpdateAction", "EntryPoint"),
}
_STATUSES = {status.rpartition("/")[2] for status in ActionStatus}
_SCHEMA = ("https://schema.org/", "http://schema.org/", "schema:")
_CONTEXTS = {
    *("https://openactive.io/", "https://openactive.io/ns-beta", "https://openactive.io/ns-beta#"),
    *("https://schema.imin.co/", "https://schema.org/", "https://schema.org", "http://schema.org/"),
}
# What a reply's drift shows of a member or a type: a name, as far as it is one. What has four digits is taken
# for somebody's number, a URL of another host than the vocabularies' for somebody's address.
_NAME = re.compile(
    r"(?!(?:[^0-9]*[0-9]){4})(?:@?[A-Za-z_][A-Za-z0-9_:.-]{0,99}"
    r"|https?://(?:[a-z-]+\.)*(?:schema\.org|openactive\.io|imin\.co)/[A-Za-z0-9_:/.#-]{0,99})"
)
# A member that is named by an address, a path, a number or by words is named by data.
_DATA_AS_KEY = re.compile(
    r"[\w.+-]+@[\w-]+\.\w{2,}|/|(?:\d\D*){3}\d|\d[\d ()+-]{3,}\d|[^\W\d_]{2,}\s+[^\W\d_]{2,}"
)
# Members that hold what somebody wrote: names, titles, labels, notes, addresses.
_FREE = re.compile(
    r"name|title|label|note|text|description|comment|email|phone|address|street|locality|region|country|"
    r"identifier|reference|value|code|(?:^|_)id$",
    re.I,
)


class NotAlike(Exception):
    """The redacted document would not read as the document does."""


@attrs.frozen
class _Number:
    """A JSON number as it is spelled: ``1e2`` and ``100.0`` are not the same to whoever reads closely."""

    text: str


def redacted(data: bytes, *, dice: Random | None = None) -> str:
    """The JSON text ``data`` with its personal values replaced.

    It need not be a reply that can be read: one that can't is what a bug report is about.

    Args:
        dice: What words are drawn with; seeded with 32 bytes that nobody learns if not given.

    Raises:
        DecodeError: ``data`` is no JSON, or nested too deep.
        NotAlike: The result would read otherwise, in its problems, its drift or why it can't be read.
    """
    before = _reading(data)
    if isinstance(before, DecodeError) and before.problems[0].startswith("$: expected JSON"):
        raise before
    try:
        text = data.decode("utf-8-sig")
        document = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)
        for keys_may_be_data in (True, False):
            redaction = _Redaction(
                document, dice or Random(token_bytes(32)), keys_may_be_data=keys_may_be_data
            )
            text = _written(redaction.value(document))
            if _facts(_reading(text.encode())) == _facts(before):
                return text
    except RecursionError:
        pass
    else:
        raise NotAlike
    raise DecodeError("$: expected a document that is nested less deep")


def _reading(data: bytes) -> SellerAccounts | DecodeError:
    try:
        return from_jsonld(data)
    except DecodeError as error:
        return error


def _facts(reading: SellerAccounts | DecodeError) -> object:
    """What must be the same of both: problems, drift, and the accounts' states."""
    if isinstance(reading, DecodeError):
        return reading.problems
    return reading.problems, reading.drift(), [(type(each), each.problems) for each in reading]


class _Redaction:
    """Walks a document.

    Args:
        keys_may_be_data: Whether that goes for keys too that look like names.
    """

    def __init__(self, document: Any, dice: Random, *, keys_may_be_data: bool) -> None:
        self._values = {each for each, key in _strings(document) if not _is_kept(each, key)}
        self._forms = Forms(self._values | {*_odd_keys(document)}, dice)
        self._keys_may_be_data = keys_may_be_data

    def value(self, value: Any, key: str = "") -> Any:
        """What stands for ``value``, which stands under ``key``."""
        match value:
            case dict():
                return {self._key(name): self.value(each, name) for name, each in value.items()}
            case list():
                return [self.value(each, key) for each in value]
            case _Number(text):
                return _Number(self._forms.number(text))
            case str():
                return value if _is_kept(value, key) else self._forms.text(value)
            case _:
                return value

    def _key(self, key: str) -> str:
        is_name = _NAME.fullmatch(key) is not None
        is_identifier = key in self._values and len(key) > SHORT and not (key.isalpha() and key.islower())
        if is_name:
            is_data = self._keys_may_be_data and is_identifier
        else:
            is_data = is_identifier or _DATA_AS_KEY.search(key) is not None
        return self._forms.text(key) if is_data else key


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value that is a string or a number, as text, and the key that it stands under."""
    match value:
        case dict():
            for name, each in value.items():
                yield from _strings(each, name)
        case list():
            for each in value:
                yield from _strings(each, key)
        case _Number(text) | str(text):
            yield text, key


def _odd_keys(value: Any) -> Iterator[str]:
    """Every key that is no name."""
    if isinstance(value, dict):
        yield from (key for key in value if not _NAME.fullmatch(key))
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _odd_keys(each)


def _is_kept(text: str, key: str) -> bool:
    """Whether it stays: a type, or a word of the vocabulary where no person or seller has the word.

    ``Person`` is a family name too, and a job's title.
    """
    if key in ("@type", "type") and _NAME.fullmatch(text):
        return True
    return _is_term(text) and (key.startswith("@") or _FREE.search(key) is None)


def _is_term(text: str) -> bool:
    """Whether it is of the vocabulary."""
    plain = next((text[len(each) :] for each in _SCHEMA if text.startswith(each)), text)
    return plain in _TYPES or plain in _STATUSES or text in _CONTEXTS


def _refuse(_: str) -> NoReturn:
    raise ValueError  # never: what is read here was read before


def _written(value: Any, margin: str = "\n") -> str:
    """JSON in ASCII, as the other commands print it, but with numbers as they were spelled."""
    inner = f"{margin}  "
    match value:
        case _Number(text):
            return text
        case dict() if value:
            members = (f"{json.dumps(key)}: {_written(each, inner)}" for key, each in value.items())
            return f"{{{inner}{f',{inner}'.join(members)}{margin}}}"
        case list() if value:
            return f"[{inner}{f',{inner}'.join(_written(each, inner) for each in value)}{margin}]"
        case _:
            return json.dumps(value)

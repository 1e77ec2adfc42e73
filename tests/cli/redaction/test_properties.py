"""What holds of every redacted document, whatever imin sends."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imin_accounts import from_jsonld
from imin_accounts.cli._redaction.reply import redacted
from imin_accounts.cli._redaction.words import WORD
from tests.cli.redaction.documents import changed_shape, leaves, secrets
from tests.strategies import documents, values

DATE = re.compile(r"\d{4}-\d\d-\d\d")
SCHEME = re.compile(r"\bhttps?://", re.IGNORECASE)
"""What makes a URL one: it stays, also where nothing comes after it."""
ANY = documents() | documents(varied=True)


def long_words(text: str) -> list[str]:
    """Words of four and more characters, without what is percent-encoded."""
    return [word for word in re.findall(WORD, re.sub("%[0-9A-Fa-f]{2}", " ", text)) if len(word) >= 4]


def copy_of(document: Any) -> Any:
    """The redacted copy as JSON values."""
    return json.loads(redacted(json.dumps(document).encode()))


def texts_of(copy: Any) -> str:
    """All texts but dates, without their schemes."""
    texts = [text for text in secrets(copy) if not DATE.match(text)]
    return SCHEME.sub("", "\n".join(texts))


@given(ANY)
def test_no_text_survives(document: Any) -> None:
    """Of four and more characters, as a value of the copy, but for what makes a URL one."""
    survivors = secrets(document) & {value for _, value in leaves(copy_of(document))}
    assert {text for text in survivors if not SCHEME.fullmatch(text)} == set()


@given(ANY)
def test_no_word_survives(document: Any) -> None:
    """Of four and more characters, within any text of the copy, but for what makes a URL one, and for dates.

    Their times stay, and so may have the digits of anything. What survives does so in each copy: in one of
    them "0umn" may stand by chance, as a part of a longer word that was drawn.
    """
    words = {word for secret in secrets(document) if not DATE.match(secret) for word in long_words(secret)}
    copies = [texts_of(copy_of(document)) for _ in range(2)]
    survivors = {word for word in words if all(word in copy for copy in copies)}
    assert {word for word in survivors if word.lower() != "https"} == set()


@given(ANY)
def test_the_shape_stays(document: Any) -> None:
    """Keys, their order, types and lengths."""
    copy = copy_of(document)
    data = secrets(copy) | secrets(document)  # a key that is data stays where the copy would read otherwise
    assert [*changed_shape(document, copy, data)] == []


@given(ANY)
def test_what_was_equal_is_equal_and_what_differed_differs(document: Any) -> None:
    """Texts of four and more characters become one another one by one."""
    pairs = {
        (one, other)
        for (key, one), (_, other) in zip(leaves(document), leaves(copy_of(document)), strict=True)
        if isinstance(one, str) and len(one) >= 4 and key not in ("@type", "type")
    }
    assert len({one for one, _ in pairs}) == len(pairs) == len({other for _, other in pairs})


@given(ANY)
def test_both_read_alike(document: Any) -> None:
    """The same problems and drift, and each account in the same state."""
    before, after = from_jsonld(document), from_jsonld(copy_of(document))
    assert (after.problems, after.drift()) == (before.problems, before.drift())
    assert [(type(each), each.problems) for each in after] == [(type(each), each.problems) for each in before]


@given(st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(["error", "imin:item"]), values))
def test_what_is_no_reply_keeps_its_shape_too(document: Any) -> None:
    """Such as a body that can't be read: it is what a bug report is about."""
    assert type(copy_of(document)) is type(document)


@given(documents())
def test_each_run_is_another(document: Any) -> None:
    """Nobody can find out what stood there by redacting guesses: a second run draws other words."""
    document["imin:entitlementFilter"] = "c2VjcmV0IHRva2VuIG9mIHJvc2ll"
    assert copy_of(document) != copy_of(document)

"""What must hold for every document, tried on many."""

import pickle
from copy import deepcopy
from typing import Any

import attrs
import orjson
from hypothesis import given
from hypothesis import strategies as st

from imin_accounts import ConnectedAccount, SellerAccounts, UnrecognisedAccount, from_jsonld, to_jsonld
from imin_accounts.models import Extra
from tests.annotation_check import mistyped
from tests.strategies import Json, connected, documents, normal, sellers, unconnected, values

a_document = given(documents() | documents(varied=True))


def read(document: Json) -> SellerAccounts:
    return from_jsonld(orjson.dumps(document))


def everywhere(value: Any, key: str) -> Any:
    """A copy with one more member in every object but contexts."""
    if isinstance(value, dict):
        inner = {name: each if name == "@context" else everywhere(each, key) for name, each in value.items()}
        return inner | {key: 1}
    return [everywhere(each, key) for each in value] if isinstance(value, list) else value


def without_extra(value: Any) -> Any:
    """A copy of a model with all ``extra`` empty."""
    if isinstance(value, tuple):
        return tuple(map(without_extra, value))
    if not attrs.has(type(value)):
        return value
    fields = {f.name: without_extra(getattr(value, f.name)) for f in attrs.fields(type(value))}
    return attrs.evolve(value, **fields | {"extra": Extra({})})


@a_document
def test_nothing_is_lost(document: Json) -> None:
    """What is written equals what was read, up to nulls, empty arrays and Z for +00:00."""
    assert normal(to_jsonld(read(document))) == normal(document)


@a_document
def test_every_field_has_exactly_its_annotated_type(document: Json) -> None:
    """No value of another type gets into a field."""
    assert not [*mistyped(read(document), SellerAccounts)]


@a_document
def test_a_known_spelling_is_no_problem(document: Json) -> None:
    """Strict reading refuses none of the spellings that imin's pages show, nor unknown members."""
    accounts = from_jsonld(orjson.dumps(document), strict=True)
    assert not accounts.unrecognised


@given(documents())
def test_the_own_form_needs_no_extra(document: Json) -> None:
    """Of a reply in the API's own form nothing is kept besides the fields."""
    accounts = read(document)
    assert without_extra(accounts) == accounts
    assert accounts.drift().keys() <= {"missing member $['@id']"}


@given(documents())
def test_unknown_members_change_nothing_else(document: Json) -> None:
    """Unknown members in every object change no field and no problem."""
    assert without_extra(read(everywhere(document, "x:unknown"))) == read(document)


@a_document
def test_every_kind_of_input_reads_the_same(document: Json) -> None:
    """Bytes, text, a buffer and a parsed object come to equal models."""
    data = orjson.dumps(document)
    inputs = (bytearray(data), memoryview(data), data.decode(), document)
    assert [from_jsonld(each) for each in inputs] == [read(document)] * 4


@a_document
def test_a_parsed_document_is_copied(document: Json) -> None:
    """Neither reading nor a later change of the document changes the other."""
    before = deepcopy(document)
    accounts = from_jsonld(document)
    assert document == before
    document.clear()
    assert normal(to_jsonld(accounts)) == normal(before)


@a_document
def test_writing_returns_fresh_objects(document: Json) -> None:
    """What a caller does to a written document reaches no model."""
    accounts = read(document)
    written = to_jsonld(accounts)
    for item in written["imin:item"] if isinstance(written["imin:item"], list) else [written["imin:item"]]:
        item.clear()
    assert normal(to_jsonld(accounts)) == normal(document)


@a_document
def test_what_was_written_reads_as_equal(document: Json) -> None:
    """Reading what was written gives models that are equal and hash alike."""
    accounts = read(document)
    again = from_jsonld(to_jsonld(accounts))
    assert again == accounts
    assert hash(again) == hash(accounts)


@a_document
def test_pickles_and_copies_are_equal(document: Json) -> None:
    """A pickle and a deep copy are equal to the original, problems included."""
    accounts = read(document)
    for copy in (pickle.loads(pickle.dumps(accounts)), deepcopy(accounts), attrs.evolve(accounts)):
        assert copy == accounts
        assert repr(copy) == repr(accounts)


@given(documents(varied=True), sellers(varied=True))
def test_a_changed_field_is_written(document: Json, seller: Json) -> None:
    """A field set by evolve is written, however its member was spelled before."""
    accounts = read(document)
    other: Any = read({"imin:item": [{"imin:matchingEmailExists": True, "seller": seller}]}).item[0].seller
    changed = [attrs.evolve(account, seller=other) for account in accounts]
    again = from_jsonld(to_jsonld(attrs.evolve(accounts, item=tuple(changed))))
    assert [account.seller for account in again] == [other] * len(accounts)


@given(connected(varied=True), st.lists(values, min_size=1, max_size=3), unconnected())
def test_an_unreadable_item_costs_no_other(good: Json, odd: list[Any], other: Json) -> None:
    """Items that are anything at all leave the ones around them as they are, in their order."""
    accounts = read({"imin:item": [good, *odd, other]})
    assert [type(account) for account in accounts][1:-1] == [UnrecognisedAccount] * len(odd)
    assert isinstance(accounts.item[0], ConnectedAccount)
    assert accounts.item[0] == read({"imin:item": [good]}).item[0]
    assert accounts.item[-1] == read({"imin:item": [other]}).item[0]
    assert [account.document for account in accounts.unrecognised] == odd

"""Replies are checked for whom they are about; an error says nothing of what it read."""

import pytest

from imin_accounts._wire.replies import check_disconnected, read_accounts
from imin_accounts.errors import ResponseError, UnexpectedResponse, WrongCustomer
from imin_accounts.models import SellerAccounts
from tests.scripted import reply


def collection(name: object, spelling: str = "@id", **more: object) -> dict[str, object]:
    return {spelling: name, "@type": "imin:Collection", **more}


PREFIX = "https://book.imin.co/api/v2/customers"


@pytest.mark.parametrize(
    ("customer", "document"),
    [
        ("1234", collection(f"{PREFIX}/1234/accounts")),
        ("1234", collection(f"{PREFIX}/1234/accounts", "id")),
        ("1234", collection("https://gateway.example/v3/customers/1234/accounts/")),
        ("1234", collection("/api/v2/customers/1234/accounts?redirectUri=x")),
        ("a/b c", collection(f"{PREFIX}/a%2Fb%20c/accounts")),
        ("a+b", collection(f"{PREFIX}/a+b/accounts")),
        ("%41", collection(f"{PREFIX}/%2541/accounts")),
        ("ü", collection(f"{PREFIX}/%C3%BC/accounts")),
        ("1234", {"@type": "imin:Collection"}),
    ],
)
def test_reply_is_about_the_customer(customer: str, document: object) -> None:
    """Host, version and encoding may vary; a reply without @id can't be checked and passes."""
    assert isinstance(read_accounts(reply(200, document), customer, now=0), SellerAccounts)


@pytest.mark.parametrize(
    ("customer", "document"),
    [
        ("1234", collection(f"{PREFIX}/9999/accounts")),
        ("1234", collection(f"{PREFIX}/9999/accounts", "id")),
        ("1234", collection(f"{PREFIX}/1234/accounts", id=f"{PREFIX}/9999/accounts")),
        ("1234", collection(f"{PREFIX}/12345/accounts")),
        ("1234", collection(f"{PREFIX}/1234")),
        ("1234", collection("")),
        ("1234", collection(1234)),
        ("1234", collection([f"{PREFIX}/1234/accounts"])),
        ("%41", collection(f"{PREFIX}/%41/accounts")),
        ("A", collection(f"{PREFIX}/a/accounts")),
        ("\xff", collection(f"{PREFIX}/%FF/accounts")),
        ("1234", collection(f"{PREFIX}/1234/accounts\n")),
    ],
)
def test_reply_is_about_somebody_else(customer: str, document: object) -> None:
    """An @id that names anybody else, or can't be parsed, is another customer's."""
    with pytest.raises(WrongCustomer) as caught:
        read_accounts(reply(200, document), customer, now=0)
    assert caught.value.status == 200


def test_error_text_shows_nothing_of_the_body() -> None:
    """What imin says is there to be read, and is in no text, repr or pickle."""
    body = {"@type": "NotFoundError", "description": "rosie@example.com"}
    with pytest.raises(ResponseError) as caught:
        read_accounts(reply(404, body), "1234", now=0)
    assert caught.value.problem.description == "rosie@example.com"
    assert "rosie" not in repr(caught.value) + str(caught.value) + repr(caught.value.problem)


@pytest.mark.parametrize("length", ["0", "00"], ids=repr)
def test_a_204_may_announce_a_body_of_no_bytes(length: str) -> None:
    """However many zeros it is spelled with, a length of nothing makes no 204 suspect."""
    check_disconnected(reply(204, headers={"content-length": length}), now=0)


@pytest.mark.parametrize("length", ["", "1", "10", "01", " 0", "-0", "0, 5", "none"], ids=repr)
def test_a_204_that_announces_anything_else_is_suspect(length: str) -> None:
    """A body, or a length that is no number of zero: nobody can tell whose reply this is."""
    with pytest.raises(UnexpectedResponse, match="204 with a body"):
        check_disconnected(reply(204, headers={"content-length": length}), now=0)

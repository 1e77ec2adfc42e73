"""Whose accounts a reply is about, as its ``@id`` says."""

from typing import Any

import pytest

from imin_accounts import SellerAccounts, from_jsonld

BASE = "https://book.imin.co/api/v2"


@pytest.mark.parametrize(
    ("url", "customer"),
    [
        (f"{BASE}/customers/1234/accounts", "1234"),
        (f"{BASE}/customer-accounts/MAlnTNiZut/accounts", "MAlnTNiZut"),
        ("https://gateway.example/imin/api/v3/customers/1234/accounts/", "1234"),
        ("/api/v2/customers/1234/accounts?redirectUri=x", "1234"),
        ("//book.imin.co/customers/1234/accounts#top", "1234"),
        (f"{BASE}/customers/a%2Fb%20c/accounts", "a/b c"),
        ("https://x/other?of=/customers/1234/accounts", None),
        ("https://x/other#/customers/1234/accounts", None),
        ("https://customers/1234/accounts", None),
        ("https://[a/customers/1234/accounts", None),
        (f"{BASE}/customers/1234/accounts/9", None),
        (f"{BASE}/customers//accounts", None),
        (f"{BASE}/customers/../accounts", None),
        (f"{BASE}/customers/%2e%2e/accounts", None),
        (f"{BASE}/customers/%ff/accounts", None),
        (f"{BASE}/xcustomers/1234/accounts", None),
        ("urn:imin:1234", None),
        ("", None),
    ],
)
def test_customer(url: str, customer: str | None) -> None:
    """It is the decoded segment after either stem, of the URL's path alone."""
    assert SellerAccounts(id=url).customer == customer


@pytest.mark.parametrize(
    ("members", "customer"),
    [
        ({}, None),
        ({"id": f"{BASE}/customers/1/accounts"}, "1"),
        ({"@id": f"{BASE}/customers/1/accounts", "id": f"{BASE}/customer-accounts/1/accounts"}, "1"),
        ({"@id": f"{BASE}/customers/1/accounts", "id": f"{BASE}/customers/2/accounts"}, None),
        ({"@id": f"{BASE}/customers/1/accounts", "id": 5}, None),
        ({"@id": [f"{BASE}/customers/1/accounts"]}, None),
    ],
    ids=["none", "id", "both alike", "two customers", "one unreadable", "an array"],
)
def test_every_spelling_names_the_same_customer(members: dict[str, Any], customer: str | None) -> None:
    """Where they differ the reply is about nobody."""
    assert from_jsonld({"@type": "imin:Collection", **members}).customer == customer


def test_accounts_by_index() -> None:
    """Accounts are had by index and slice, in the order received."""
    accounts = from_jsonld({"imin:item": [{"x": 1}, {"x": 2}, {"x": 3}]})
    assert accounts[0] is accounts.item[0]
    assert accounts[-1] is accounts.item[2]
    assert accounts[1:] == accounts.item[1:]
    with pytest.raises(IndexError):
        accounts[3]

"""One attempt of a call: what is added to the request, and who ends it."""

from imin_accounts._wire.requests import accounts_request
from imin_accounts.session._attempt import with_key
from imin_accounts.session._key import ApiKey


def test_the_key_is_added_to_a_copy() -> None:
    """The request that goes out carries the key; the one that a retry starts from does not."""
    request = accounts_request("https://book.imin.co", "1234", fresh=True)
    sent = with_key(request, ApiKey("secret"))
    assert sent.headers == {"X-Api-Key": "secret", **request.headers}
    assert "X-Api-Key" not in request.headers
    assert (sent.method, sent.url, sent.fresh) == (request.method, request.url, request.fresh)

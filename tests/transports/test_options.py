"""What transports refuse when they are made: later it would fail every call, or send the key elsewhere."""

import traceback
from typing import Any

import pytest
from yarl import URL

from imin_accounts import InvalidRequest
from tests.paths import PACKAGE
from tests.transports.every import EVERY_TRANSPORT, make_transport

every_transport = pytest.mark.parametrize("over", EVERY_TRANSPORT)
NO_PROXIES = (
    *(
        "",
        " ",
        "no url",
        "proxy:3128",
        "//proxy:3128",
        "http://",
        "http://[::1",
        "http://proxy:99999",
        "http://a b",
    ),
    *(
        "htp://proxy",
        "httpss://proxy",
        "ftp://proxy",
        "ws://proxy",
        "h2c://proxy",
        "direct://",
        "socks4://proxy",
    ),
    *("socks5://proxy", "file:///tmp/proxy", 5, b"http://proxy", True, ["http://proxy"]),
)


@every_transport
@pytest.mark.parametrize("proxy", NO_PROXIES, ids=repr)
def test_what_is_no_proxy_is_refused(proxy: Any, over: str) -> None:
    """Clients go past a proxy whose scheme they don't know, and the API key with them."""
    with pytest.raises(InvalidRequest, match="proxy") as caught:
        make_transport(over, proxy=proxy)
    assert str(proxy) not in str(caught.value) or not str(proxy).strip()


@every_transport
@pytest.mark.parametrize(
    "proxy", ["http://proxy:3128", "https://me:secret@proxy.example/", URL("http://[::1]:8080")]
)
def test_a_proxy(proxy: str | URL, over: str) -> None:
    """By http or https, with or without a password, which shows nowhere."""
    assert "secret" not in repr(make_transport(over, proxy=proxy))


@every_transport
@pytest.mark.parametrize(
    "options", [{"max_body": 0}, {"ssl": "x"}, {"scheme": "socks5"}, {"host": "a b"}], ids=repr
)
def test_a_proxys_password_is_in_no_frame(options: dict[str, Any], over: str) -> None:
    """Whatever else is wrong, or the proxy itself."""
    options = {"scheme": "http", "host": "proxy", **options}
    url = "{}://me:canary@{}:3128".format(options.pop("scheme"), options.pop("host"))
    with pytest.raises(InvalidRequest) as caught:
        make_transport(over, proxy=url, **options)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if str(PACKAGE) in frame.f_code.co_filename]
    assert "canary" not in str(caught.value) + repr([frame.f_locals for frame in ours])


@every_transport
@pytest.mark.parametrize(
    "options",
    [{"max_body": 0}, {"max_body": True}, {"max_body": 1.5}, {"ssl": "x"}, {"ssl": None}, {"ssl": 1}],
    ids=repr,
)
def test_a_wrong_type_is_refused(options: dict[str, Any], over: str) -> None:
    """As a mistake in a program, and not as a network's failure after three attempts."""
    with pytest.raises(InvalidRequest):
        make_transport(over, **options)


@pytest.mark.parametrize("options", [{"resolver": "9.9.9.9"}, {"trace_configs": [5]}], ids=repr)
def test_aiohttps_own_are_checked_too(options: dict[str, Any]) -> None:
    """Likewise."""
    with pytest.raises(InvalidRequest):
        make_transport("aiohttp", **options)

"""``/_emulator/``: everything over HTTP, for this machine alone."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs
import pytest

from imin_accounts.fake import FakeImin, Rule, Status
from tests.fake.requests import SELLER, ask, items, state, with_rosie


def own_address() -> str | None:
    """An address of this machine that is not loopback; None if it has none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


@attrs.frozen
class AdminEndpoint:
    """The admin endpoint of an emulator."""

    fake: FakeImin
    base: str
    client: aiohttp.ClientSession

    async def call(self, method: str, name: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request. Returns the status and the JSON of the reply."""
        async with self.client.request(
            method, f"{self.base}/_emulator/{name}", json=body, headers=headers
        ) as reply:
            return reply.status, await reply.json() if reply.status != 204 else None


@pytest.fixture
async def admin() -> AsyncIterator[AdminEndpoint]:
    """An emulator with Rosie in it, and its admin endpoint."""
    fake = with_rosie()
    async with fake.serve() as base, aiohttp.ClientSession() as client:
        yield AdminEndpoint(fake, base, client)


async def test_the_state_can_be_read_and_put_back(admin: AdminEndpoint) -> None:
    """What GET gives, PUT takes."""
    _, before = await admin.call("GET", "state")
    assert before == admin.fake.snapshot()
    admin.fake.connect("rosie", SELLER)
    assert await admin.call("PUT", "state", before) == (204, None)
    assert await state(admin.fake) == "no account"


async def test_reset_is_back_to_the_start(admin: AdminEndpoint) -> None:
    """People and faults are as when serving began; the record is empty and the clock right again."""
    start = admin.fake.now()
    admin.fake.connect("rosie", SELLER)
    admin.fake.advance(60)
    admin.fake.faults.add(Rule(Status(500)))
    assert (await ask(admin.fake)).status == 500
    assert await admin.call("POST", "reset") == (204, None)
    assert (admin.fake.requests, admin.fake.now(), admin.fake.faults.rules) == ((), start, ())
    assert await state(admin.fake) == "no account"


async def test_reset_brings_the_first_faults_back() -> None:
    """A script that was in force when serving began is in force again, and counts anew."""
    fake = with_rosie()
    fake.faults.add(Rule(Status(503), nth=1))
    async with fake.serve() as base, aiohttp.ClientSession() as client:
        assert [(await ask(fake)).status for _ in range(2)] == [503, 200]
        await AdminEndpoint(fake, base, client).call("POST", "reset")
        assert [(await ask(fake)).status for _ in range(2)] == [503, 200]


async def test_faults_can_be_put_and_read(admin: AdminEndpoint) -> None:
    """A script takes effect with the next request."""
    script = {"rules": [{"effect": {"status": {"status": 503}}}], "rate_limit": {"per_second": 9}}
    assert await admin.call("PUT", "faults", script) == (204, None)
    assert (await ask(admin.fake)).status == 503
    _, found = await admin.call("GET", "faults")
    assert found["rules"][0]["effect"]["status"]["status"] == 503
    assert found["rate_limit"]["per_second"] == 9


async def test_the_record_says_who_and_what(admin: AdminEndpoint) -> None:
    """Method, route and status, and about whom: enough for a test in another language."""
    await ask(admin.fake, "DELETE", seller=SELLER)
    route = "/api/v2/customers/{customerIdentifier}/accounts"
    asked = {"method": "DELETE", "route": route, "status": 404, "customer": "rosie", "seller": SELLER}
    assert await admin.call("GET", "requests") == (200, [asked])


async def test_time_can_pass(admin: AdminEndpoint) -> None:
    """Entitlements expire when the service's clock is moved on."""
    admin.fake.connect("rosie", SELLER, entitlements=[{"expires": "2026-03-01T13:00:00Z"}])
    assert "entitlement" in (await items(admin.fake))[0]
    assert await admin.call("POST", "advance", {"seconds": 3600}) == (204, None)
    assert "entitlement" not in (await items(admin.fake))[0]


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("PUT", "state", {"version": 0}),
        ("PUT", "faults", {"rules": 7}),
        ("POST", "advance", {}),
        ("POST", "advance", {"seconds": -1}),
        ("POST", "advance", {"seconds": "1"}),
        ("POST", "advance", {"seconds": 1_000_000_001}),
        ("POST", "advance", {"seconds": float("nan")}),
        ("POST", "advance", [1]),
        ("PUT", "faults", None),
    ],
)
async def test_what_makes_no_sense_is_a_bad_request(
    admin: AdminEndpoint, method: str, name: str, body: Any
) -> None:
    """400 with the reason, and nothing changes."""
    before = admin.fake.snapshot(), admin.fake.faults.script(), admin.fake.now()
    status, answer = await admin.call(method, name, body)
    assert (status, bool(answer["error"])) == (400, True)
    assert (admin.fake.snapshot(), admin.fake.faults.script(), admin.fake.now()) == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="this machine"),
        pytest.param({"Host": "localhost:80"}, 200, id="by name"),
        pytest.param({"Host": "[::1]:80"}, 200, id="by IPv6"),
        pytest.param({"Host": "rebound.example"}, 403, id="a name that was pointed here"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="a page of another site"),
        pytest.param({"Origin": "null"}, 403, id="a page of nowhere"),
        pytest.param(
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            403,
            id="another site's image",
        ),
        pytest.param(
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200, id="a link that is followed"
        ),
        pytest.param({"Host": "localhost", "Origin": "http://localhost"}, 200, id="a page of its own"),
    ],
)
async def test_who_may(admin: AdminEndpoint, headers: dict[str, str], status: int) -> None:
    """A name pointed at this machine, or a page in its browser, is not this machine."""
    assert (await admin.call("GET", "state", **headers))[0] == status


async def test_another_machine_may_not() -> None:
    """Whatever ``Host`` it claims: the peer's address counts."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    async with with_rosie().serve(host=address) as base, aiohttp.ClientSession() as client:
        status, _ = await AdminEndpoint(with_rosie(), base, client).call("GET", "state", Host="localhost")
    assert status == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 200) for host in ("emulator", "emulator:8080", "10.1.2.3:80", "[fd00::1]", "LOCALHOST")),
        *((host, 200) for host in ("emulator.test", "a.svc.cluster.local", "host.docker.internal")),
        *((host, 200) for host in ("tunnel.example", "Tunnel.Example:80")),
        *((host, 403) for host in ("evil.example", "evil.example:18490", "tunnel.example.evil.example")),
        *(
            (host, 403)
            for host in ("127.0.0.1.evil.example", "emulator.evil.example", "com.", "local.evil.com")
        ),
    ],
)
async def test_anybody_may_if_told_so(host: str, status: int) -> None:
    """By an address, its own names and names of no public DNS: no web page can point one here."""
    options: dict[str, Any] = {"admin": "anywhere", "public_url": "https://tunnel.example/imin"}
    async with with_rosie().serve(**options) as base, aiohttp.ClientSession() as client:
        admin = AdminEndpoint(with_rosie(), base, client)
        assert (await admin.call("GET", "state", Host=host))[0] == status
        posted, _ = await admin.call("POST", "reset", Host=host, Origin=f"http://{host}")
        assert posted == (204 if status == 200 else 403)
        assert (await admin.call("GET", "state", Host=host, Origin="https://other.example"))[0] == 403


async def test_a_body_that_is_too_large_is_refused_like_the_rest(admin: AdminEndpoint) -> None:
    """As JSON."""

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield bytes(1024 * 1024)

    async with admin.client.put(f"{admin.base}/_emulator/state", data=in_pieces()) as reply:
        assert (reply.status, "67108864" in (await reply.json())["error"]) == (413, True)


@pytest.mark.parametrize("name", ["state", "faults", "advance"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="deep and torn"),
        pytest.param(b"[" * 300 + b"]" * 300, id="deep"),
        pytest.param(
            b'{"version":1,"sellers":[{"@id":"x","a":' + b"[" * 70 + b"]" * 70 + b"}]}", id="a deep seller"
        ),
        pytest.param(b'{"rules":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}", id="deep rules"),
        pytest.param(b'{"seconds":1e400}', id="no finite number"),
        pytest.param(b'{"version":' + b"9" * 5000 + b"}", id="a huge number"),
        pytest.param(b'{"seconds":"\\ud800"}', id="half a character"),
    ],
)
async def test_json_of_any_shape_is_refused(admin: AdminEndpoint, name: str, body: bytes) -> None:
    """400, and nothing changes."""
    before = admin.fake.snapshot(), admin.fake.faults.script(), admin.fake.now()
    method = "POST" if name == "advance" else "PUT"
    async with admin.client.request(method, f"{admin.base}/_emulator/{name}", data=body) as reply:
        assert (reply.status, list(await reply.json())) == (400, ["error"])
    assert (admin.fake.snapshot(), admin.fake.faults.script(), admin.fake.now()) == before


async def test_the_calendar_has_an_end(admin: AdminEndpoint) -> None:
    """Time is moved on as far as that: afterwards every request would fail."""
    statuses = [(await admin.call("POST", "advance", {"seconds": 1e9}))[0] for _ in range(260)]
    assert (statuses[0], statuses[-1]) == (204, 400)
    assert len(await items(admin.fake, redirectUri="https://broker.example/")) == 2


@pytest.mark.parametrize("origin", ["http://[", "\xff", "//localhost", "http://localhost/"])
async def test_an_origin_that_is_none_may_not(admin: AdminEndpoint, origin: str) -> None:
    """403, like any other site's."""
    assert (await admin.call("GET", "state", Host="localhost", Origin=origin))[0] == 403


async def test_what_there_is_not_is_refused(admin: AdminEndpoint) -> None:
    """With a word where to look."""
    status, said = await admin.call("GET", "stat")
    assert (status, "GET /_emulator/ lists" in str(said)) == (404, True)

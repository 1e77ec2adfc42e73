"""The web examples, each in a process of its own, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import httpx
import pytest
import pytest_asyncio

from imin_accounts.fake import Drop, Latency, Rule, Status
from tests.examples.web_service import (
    COMPLAINTS,
    EXAMPLES,
    PATIENCE,
    ServedImin,
    WebService,
    run_service,
    serve_example,
)
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

SELLERS = "https://id.bookingsystem.example.com/organizers/"
ACME, BROOK, CASTLE = (SELLERS + number for number in "123")
PAGE = {"Accept": "text/html"}
FORM = "application/x-www-form-urlencoded"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="seller"; filename="a"\r\n'
    b"Content-Type: text/plain\r\n\r\na\r\n--x--\r\n"
)
GIVES_UP = {"django"}
"""Who cancels a view whose client has left."""
DEADLINE = 10.0
"""Seconds that an example gives a call: after these it ends without being cancelled."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(EXAMPLES))
async def service(request: pytest.FixtureRequest, emulator: ServedImin) -> AsyncIterator[WebService]:
    """One of the examples, started once for all tests of it."""
    async with serve_example(EXAMPLES[request.param], emulator) as service:
        yield service


@pytest.fixture
def browser(service: WebService) -> httpx.AsyncClient:
    """What a browser asks the service with."""
    return service.http


async def is_left(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """Ask for the connections, and leave before imin has answered."""
    imin.fake.faults.add(Rule(Latency(60)))
    asking = asyncio.ensure_future(browser.get("/connections"))
    async with asyncio.timeout(PATIENCE):
        await imin.held.begun.wait()
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    imin.fake.faults.clear()


async def leaves_in_a_form(browser: httpx.AsyncClient, framing: str, start: bytes) -> None:
    """Begin to send a form, and go away in the middle of it."""
    _, writer = await asyncio.open_connection("127.0.0.1", browser.base_url.port)
    head = f"POST /login HTTP/1.1\r\nHost: here\r\nContent-Type: {FORM}\r\n{framing}\r\n\r\n"
    writer.write(head.encode() + start)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_every_seller_has_a_row(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """The page's data is one row for each seller, with its state."""
    found = (await browser.get("/connections")).json()["connections"]
    states = [(row["seller"], row["state"]) for row in found]
    assert states == [(ACME, "connected"), (BROOK, "unconnected"), (CASTLE, "no account")]


async def test_a_click_leads_to_the_seller_and_back(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """Connecting is a redirect to imin's own link, untouched; afterwards the seller is connected."""
    click = await browser.post("/connections/connect", data={"seller": BROOK})
    assert (click.status_code, click.headers["cache-control"]) == (303, "no-store")
    back = imin.fake.complete(click.headers["location"])
    assert back.startswith(f"{str(browser.base_url).rstrip('/')}/connections/return?state=")
    returned = await browser.get(back)
    assert (returned.json()["state"], returned.headers["cache-control"]) == ("connected", "no-store")
    found = (await browser.get("/connections")).json()["connections"]
    assert [row["state"] for row in found] == ["connected", "connected", "no account"]


async def test_a_click_with_nothing_to_connect_leads_to_the_page(
    browser: httpx.AsyncClient, imin: ServedImin
) -> None:
    """Whoever is connected by now is sent to the page, which shows it."""
    click = await browser.post("/connections/connect", data={"seller": ACME})
    assert (click.status_code, click.headers["location"]) == (303, "/connections")


async def test_a_click_may_create_an_account(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """Which of the two buttons was pressed decides which link it is."""
    click = await browser.post("/connections/connect", data={"seller": CASTLE, "create": "1"})
    imin.fake.complete(click.headers["location"], password="new")
    assert imin.fake.population.password(CASTLE, "rosie@example.com") == "new"


async def test_a_person_gets_a_page(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """A browser asks for HTML, and gets it in UTF-8."""
    page = await browser.get("/connections", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h2>Brook Street Pool</h2>" in page.text


async def test_nobody_is_shown_anything_before_logging_in(
    browser: httpx.AsyncClient, imin: ServedImin
) -> None:
    """Without a login of ours there are no connections, and imin is not asked."""
    for login in ("", "rosie", "rosie.forged.signature"):
        answer = await browser.get("/connections", headers={"Cookie": f"login={login}"})
        assert answer.status_code == 401
    assert imin.fake.requests == ()


async def test_from_login_to_disconnection(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """Where its pages lead there is something: nobody ends at a 404."""
    async with httpx.AsyncClient(
        base_url=browser.base_url, headers=PAGE, timeout=60, trust_env=False
    ) as rosie:
        assert 'action="/login"' in (await rosie.get("/connections")).text
        login = await rosie.post("/login", data={"customer": "rosie"})
        assert (login.status_code, login.headers["location"]) == (303, "/connections")
        asked = await rosie.get("/connections/disconnect", params={"seller": ACME})
        assert "Disconnect from Acme Leisure Centre?" in asked.text
        done = await rosie.post("/connections/disconnect", data={"seller": ACME})
    assert (done.status_code, "<h1>Disconnected</h1>" in done.text) == (200, True)
    assert imin.fake.population.connections == {}


UNREADABLE = [
    pytest.param("multipart/form-data", b"x", id="multipart without a boundary"),
    pytest.param("multipart/form-data; boundary=x", b"--x\r\nnonsense", id="multipart that is none"),
    pytest.param("multipart/form-data; boundary=x", MULTIPART, id="a file"),
    pytest.param("application/json", b'{"seller": 1}', id="JSON"),
    pytest.param("text/plain", b"seller=x", id="text"),
    pytest.param("nonsense", b"seller=x", id="no media type"),
    pytest.param(FORM, b"seller=%ff", id="not UTF-8"),
    pytest.param(FORM, b"seller=\xff", id="not UTF-8 either"),
    pytest.param(FORM, b"&".join([b"a=b"] * 2000), id="too many fields"),
    pytest.param(FORM, b"seller=" + b"x" * 11_000_000, id="too large"),
]


@pytest.mark.parametrize(("media", "body"), UNREADABLE)
async def test_a_form_that_can_not_be_read(
    browser: httpx.AsyncClient, imin: ServedImin, media: str, body: bytes
) -> None:
    """Whatever a framework would make of it: an answer of ours, for its reader alone; imin is not asked."""
    for path in ("/connections/connect", "/connections/disconnect", "/login"):
        headers = {
            "Content-Type": media,
            **({"Content-Encoding": "gzip"} if body.startswith(b"\x1f") else {}),
        }
        answer = await browser.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (400, {"error": "unreadable form"})
        assert answer.headers["cache-control"] == "no-store"
    assert imin.fake.requests == ()


async def test_a_form_of_nothing(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """No body is a form without fields: it leads nowhere, and logs nobody in."""
    connecting, login = [await browser.post(path) for path in ("/connections/connect", "/login")]
    assert (connecting.status_code, connecting.headers["location"]) == (303, "/connections")
    assert (login.status_code, "set-cookie" in login.headers) == (401, False)


FAILURES = [
    pytest.param(Rule(Status(404)), 404, id="not-found"),
    pytest.param(Rule(Status(401)), 500, id="wrong-key"),
    pytest.param(Rule(Status(500)), 502, id="broken"),
    pytest.param(Rule(Drop()), 502, id="dropped"),
]


@pytest.mark.parametrize(("fault", "status"), FAILURES)
async def test_errors_have_answers_of_their_own(
    browser: httpx.AsyncClient, imin: ServedImin, fault: Rule, status: int
) -> None:
    """What goes wrong with imin has a status, and says that it is certain that nothing changed."""
    imin.fake.faults.add(fault)
    answer = await browser.get("/connections")
    assert (answer.status_code, answer.json()["settled"]) == (status, True)


async def test_imin_may_go_down_and_come_back(browser: httpx.AsyncClient, imin: ServedImin) -> None:
    """While imin is down the service says 502; once it is up again all is well without a restart."""
    async with imin.down():
        assert (await browser.get("/connections")).status_code == 502
    assert (await browser.get("/connections")).status_code == 200


async def test_a_client_may_leave(
    request: pytest.FixtureRequest, browser: httpx.AsyncClient, imin: ServedImin
) -> None:
    """A client that leaves in the middle costs nobody else anything, and its own call as is documented."""
    gives_up = request.node.callspec.params["service"] in GIVES_UP
    await is_left(browser, imin)
    if gives_up:
        async with asyncio.timeout(DEADLINE - 1):
            await imin.held.ended.wait()
    assert (await browser.get("/connections")).status_code == 200
    imin.held.let_go.set()
    async with asyncio.timeout(PATIENCE):
        await imin.held.ended.wait()
    assert imin.held.given_up is gives_up


@pytest.mark.parametrize("name", EXAMPLES)
async def test_it_ends_cleanly(name: str, imin: ServedImin) -> None:
    """Started while imin is down, left by a client, told to wait, and ended: no warning, nothing leaked."""
    async with AsyncExitStack() as until_ended:
        async with imin.down():
            service = await until_ended.enter_async_context(serve_example(EXAMPLES[name], imin))
        assert (await service.http.get("/connections")).status_code == 200
        await leaves_in_a_form(service.http, "Content-Length: 100", b"customer=")
        await leaves_in_a_form(service.http, "Transfer-Encoding: chunked", b"9\r\ncustomer=\r\n")
        await is_left(service.http, imin)
        imin.held.let_go.set()
        imin.fake.faults.add(Rule(Status(429, retry_after=60), nth=1))
        for _ in range(2):  # the second one is refused without asking: it is the same session
            refused = await service.http.get("/connections")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        printed = await service.stop()
    assert EXAMPLES[name].ended in printed
    assert [line for line in printed.splitlines() if any(word in line for word in COMPLAINTS)] == []


@pytest.mark.parametrize("name", EXAMPLES)
async def test_it_does_not_start_without_a_key(name: str) -> None:
    """A service that can't ask imin ends at once and says why, instead of failing every customer."""
    example, port = EXAMPLES[name], free_port()
    example.skip_if_missing()
    async with run_service(*example.command, str(port), example.app, port=port) as service:
        printed = await service.stop(None)
        assert service.process.returncode not in (0, None)
    assert "set one of IMIN_API_KEY and IMIN_API_KEY_FILE" in printed


@pytest.mark.parametrize("name", EXAMPLES)
async def test_it_does_not_start_with_a_weak_secret(name: str) -> None:
    """Whoever guesses it can log in as anybody."""
    example, port = EXAMPLES[name], free_port()
    example.skip_if_missing()
    there = {"IMIN_API_KEY": "test-key", "BROKER_SECRET": "secret"}
    async with run_service(*example.command, str(port), example.app, port=port, **there) as service:
        printed = await service.stop(None)
        assert service.process.returncode not in (0, None)
    assert "set BROKER_SECRET to at least 32 random characters" in printed

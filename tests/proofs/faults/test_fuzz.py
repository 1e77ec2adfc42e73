"""Whole replies made up by Hypothesis, head and body bytes: whatever comes, a call ends properly."""

import asyncio
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imin_accounts import AccountsSession, Deletion, IminError, RetryPolicy, SellerAccounts
from imin_accounts.session import Runtime
from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.clock import ElasticLoop
from tests.proofs.faults.conftest import Figures, long, size
from tests.proofs.faults.replies import SELLER, chunked, document
from tests.proofs.faults.server import AccountsRequest, FaultServer, Turn

SEGMENT = f"/customers/{canaries.CUSTOMER}/accounts"
REPLIES = size(ordinary=200, long=20_000)
SECRETS = [word.encode() for word in (*canaries.WORDS, canaries.CUSTOMER, SELLER)]

junk = st.binary(max_size=40) | st.sampled_from(SECRETS)


def mostly(usual: st.SearchStrategy[bytes], odd: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """``odd`` one time in five."""
    return st.integers(0, 4).flatmap(lambda lot: usual if lot else odd)


status_lines = mostly(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.0 200 OK", b"HTTP/1.1 200"]),
    st.integers(100, 599).map(lambda code: b"HTTP/1.1 %d " % code)
    | st.tuples(st.sampled_from([b"HTTP/1.1 ", b"HTTP/", b""]), junk).map(b"".join),
)
names = st.sampled_from(
    b"Content-Length Transfer-Encoding Content-Encoding Content-Type Connection Retry-After Location".split()
)
values = st.sampled_from(b"0 5 -1 1,2 chunked gzip deflate br identity close keep-alive text/html a".split())
fields = mostly(
    st.tuples(st.sampled_from([b"X-Any", b"Content-Type", b"Set-Cookie"]), st.just(b": "), values).map(
        b"".join
    ),
    st.tuples(names, st.sampled_from([b": ", b":", b" : ", b""]), values | junk).map(b"".join),
)
RIGHT_BODY = document(canaries.CUSTOMER, {SELLER: True, f"{SELLER}0": False})


@st.composite
def cut_and_changed(draw: st.DrawFn, whole: bytes) -> bytes:
    """``whole`` with a stretch of it replaced."""
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(len(whole), start + 30)))
    return whole[:start] + draw(junk) + whole[end:]


bodies = st.one_of(
    st.just((b"", RIGHT_BODY)),
    st.just((b"", document("stranger", {SELLER: False}))),
    cut_and_changed(RIGHT_BODY).map(lambda body: (b"", body)),
    st.just((b"Content-Encoding: gzip", gzip.compress(RIGHT_BODY))),
    st.just((b"Content-Encoding: deflate", zlib.compress(RIGHT_BODY))),
    st.just((b"Transfer-Encoding: chunked", chunked(RIGHT_BODY[:100], RIGHT_BODY[100:]))),
    st.binary(max_size=300).map(lambda body: (b"", body)),
)


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """A reply from right to hopeless, many of them nearly right."""
    coding, body = draw(bodies)
    length = b"Content-Length: %d" % len(body)
    usual = [coding] if coding.startswith(b"Transfer") else [coding, length] if coding else [length]
    lines = [draw(status_lines), *draw(st.lists(fields, max_size=3)), *usual]
    end = draw(mostly(st.just(b"\r\n"), st.sampled_from([b"\n", b"\r"])))
    whole = end.join([*lines, b"", b""]) + body
    return draw(mostly(st.just(whole), cut_and_changed(whole)))


class FuzzedCalls:
    """Calls to a server that gives one made-up reply to every request; ``ends`` counts how they ended."""

    def __init__(self, runner: asyncio.Runner, loop: ElasticLoop, server: FaultServer) -> None:
        self.runner = runner
        self.loop = loop
        self.server = server
        self.ends: Counter[str] = Counter()

    async def _call(self, method: str) -> SellerAccounts | Deletion | IminError:
        async with AccountsSession(
            canaries.KEY,
            base_url=self.server.url(),
            retry=RetryPolicy(attempts=2),
            timeout=600.0,
            runtime=Runtime(clock=self.loop.time, sleep=self.loop.sleep),
        ) as session:
            try:
                if method == "GET":
                    return await session.get_seller_accounts(canaries.CUSTOMER)
                return await session.delete_seller_account(canaries.CUSTOMER, SELLER)
            except IminError as error:
                return error

    def call(self, method: str, reply: bytes) -> SellerAccounts | Deletion | IminError:
        """Make a call that meets ``reply``; anything but a result or an ``IminError`` is raised."""

        def plan(seen: AccountsRequest) -> Turn:
            return Turn(processed=False, script=(steps.send(reply), steps.close))

        self.server.plan = plan
        result = self.runner.run(self._call(method))
        self.ends[type(result).__name__] += 1
        return result


@pytest.fixture(scope="module")
def fuzzed(figures: Figures) -> Iterator[FuzzedCalls]:
    loop = ElasticLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        server = FaultServer(skip=loop.skip)
        runner.run(server.__aenter__())
        fuzzed = FuzzedCalls(runner, loop, server)
        yield fuzzed
        ends = ", ".join(f"{n} {end}" for end, n in fuzzed.ends.most_common())
        figures.add(f"{fuzzed.ends.total()} fuzzed replies: {ends}")
        runner.run(server.__aexit__(None, None, None))


def describes_nobody_else(result: Any) -> bool:
    """Whether accounts are of the customer asked for, as far as they say whose they are."""
    return not isinstance(result, SellerAccounts) or SEGMENT in unquote(result.id or SEGMENT)


@long
@settings(max_examples=REPLIES, suppress_health_check=list(HealthCheck))
@given(method=st.sampled_from(["GET", "DELETE"]), reply=replies())
def test_any_reply(fuzzed: FuzzedCalls, method: str, reply: bytes) -> None:
    """Every call ends in a result of its kind or an ``IminError``, and no error tells a secret."""
    result = fuzzed.call(method, reply)
    assert describes_nobody_else(result)
    assert not isinstance(result, IminError) or canaries.leaks(result) == []

"""What somebody would write instead of this library: aiohttp, pydantic, tenacity and aiolimiter.

Careful, as such clients go: it retries what may be retried, keeps a pace, has timeouts and models. What it
lacks: it does not notice another customer's reply, aiohttp sends twice for it unasked, a call as a whole has
no time, a body no limit, and one odd member spoils a whole reply.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from aiolimiter import AsyncLimiter
from pydantic import BaseModel, ConfigDict, Field
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential


class Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Named(Model):
    id: str | None = Field(None, alias="@id")
    name: str | None = None
    url: str | None = None


class Seller(Named):
    email: str | None = None
    telephone: str | None = None
    same_as: tuple[str, ...] = Field((), alias="sameAs")
    logo: Named | None = None


class Action(Model):
    type: str = Field(alias="@type")
    target: str | None = None


class Dated(Model):
    email: str | None = None
    text: str | None = None
    date_modified: datetime | None = Field(None, alias="dateModified")


class Account(Model):
    seller: Seller
    matching_email_exists: bool | None = Field(None, alias="imin:matchingEmailExists")
    potential_action: tuple[Action, ...] = Field((), alias="potentialAction")
    date_linked: datetime | None = Field(None, alias="dateLinked")
    customer: Dated | None = None
    access_pass: Dated | None = Field(None, alias="accessPass")
    evidence_requests: tuple[dict[str, Any], ...] = Field((), alias="imin:evidenceRequests")


class Accounts(Model):
    id: str = Field(alias="@id")
    entitlement_filter: str | None = Field(None, alias="imin:entitlementFilter")
    item: tuple[Account, ...] = Field(alias="imin:item")


def _may_retry(error: BaseException) -> bool:
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status == 429 or error.status >= 500
    return isinstance(error, aiohttp.ClientError | TimeoutError)


class Client:
    """Reads a customer's accounts."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, rate: float) -> None:
        self._session = session
        self._base_url = base_url
        self._limiter = AsyncLimiter(rate, 1.0)

    async def get_accounts(self, customer: str) -> Accounts:
        url = f"{self._base_url}/api/v2/customers/{quote(customer, safe='')}/accounts"
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(3),
            wait=wait_random_exponential(multiplier=0.05, max=5),
            retry=retry_if_exception(_may_retry),
            reraise=True,
        ):
            with attempt:
                async with self._limiter, self._session.get(url) as reply:
                    reply.raise_for_status()
                    return Accounts.model_validate_json(await reply.read())
        raise AssertionError("unreachable")


@asynccontextmanager
async def opened(base_url: str, headers: Iterable[tuple[str, str]], at: int) -> AsyncIterator[Client]:
    """A client for ``at`` requests at once, whose pace holds nobody up."""
    connector = aiohttp.TCPConnector(limit=at)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, headers=[*headers], timeout=timeout) as session:
        yield Client(session, base_url, rate=1e6)

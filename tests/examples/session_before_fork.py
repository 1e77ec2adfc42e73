"""A web service that does what it should not: its session is open where it is imported, before any fork."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from examples.web.starlette_app import State, connections, failed
from imin_accounts import AccountsSession, IminError

imin = asyncio.Runner().run(AccountsSession.from_env().__aenter__())


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    yield {"imin": imin}


app = Starlette(
    routes=[Route("/connections", connections)],
    exception_handlers={IminError: failed},
    lifespan=lifespan,
)

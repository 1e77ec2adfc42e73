"""A web service that does what it should not: its session is open where it is imported, before any fork."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from examples.web.broker import Broker
from examples.web.starlette_app import State, connections
from imin_accounts import AccountsSession

imin = asyncio.Runner().run(AccountsSession.from_env().__aenter__())


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    yield {"broker": Broker(imin, origin="http://127.0.0.1:8000", secret=os.environ["BROKER_SECRET"])}


app = Starlette(routes=[Route("/connections", connections)], lifespan=lifespan)

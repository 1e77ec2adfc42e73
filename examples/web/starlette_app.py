"""A customer's connections with Starlette: one session for the application, opened when it starts.

uvicorn examples.web.starlette_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from examples.web.answers import CUSTOMER, PAGE, answer_to, link, rows
from imin_accounts import AccountsSession, IminError


class State(TypedDict):
    imin: AccountsSession


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    async with AccountsSession.from_env(timeout=10.0) as imin:  # after any fork
        yield {"imin": imin}


async def connections(request: Request) -> JSONResponse:
    imin: AccountsSession = request.state.imin
    return JSONResponse(rows(await imin.get_seller_accounts(CUSTOMER)))


async def connect(request: Request) -> RedirectResponse:
    imin: AccountsSession = request.state.imin
    accounts = await imin.get_seller_accounts(CUSTOMER, redirect_uri=PAGE)
    return RedirectResponse(link(accounts, request.query_params.get("seller", "")), status_code=303)


async def disconnect(request: Request) -> JSONResponse:
    imin: AccountsSession = request.state.imin
    deletion = await imin.delete_seller_account(CUSTOMER, request.query_params.get("seller", ""))
    return JSONResponse({"outcome": deletion.outcome})


async def failed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IminError)  # as registered below
    answer = answer_to(error)
    return JSONResponse(answer.body, answer.status, answer.headers)


app = Starlette(
    routes=[
        Route("/connections", connections),
        Route("/connections", disconnect, methods=["DELETE"]),
        Route("/connections/connect", connect, methods=["POST"]),
    ],
    exception_handlers={IminError: failed},
    lifespan=lifespan,
)

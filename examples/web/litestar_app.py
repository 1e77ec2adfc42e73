"""A customer's connections with Litestar: one session for the application, opened when it starts.

uvicorn examples.web.litestar_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.params import FromQuery
from litestar.response import Redirect

from examples.web.answers import CUSTOMER, PAGE, answer_to, link, rows
from imin_accounts import AccountsSession, IminError


@asynccontextmanager
async def session(app: Litestar) -> AsyncIterator[None]:
    async with AccountsSession.from_env(timeout=10.0) as imin:  # after any fork
        app.state.imin = imin
        yield


@get("/connections")
async def connections(state: State) -> list[dict[str, Any]]:
    return rows(await state.imin.get_seller_accounts(CUSTOMER))


@post("/connections/connect")
async def connect(state: State, seller: FromQuery[str]) -> Redirect:
    accounts = await state.imin.get_seller_accounts(CUSTOMER, redirect_uri=PAGE)
    return Redirect(link(accounts, seller), status_code=303)


@delete("/connections", status_code=200)
async def disconnect(state: State, seller: FromQuery[str]) -> dict[str, str]:
    return {"outcome": (await state.imin.delete_seller_account(CUSTOMER, seller)).outcome}


def failed(_: Request[Any, Any, Any], error: IminError) -> Response[dict[str, Any]]:
    answer = answer_to(error)
    return Response(answer.body, status_code=answer.status, headers=answer.headers)


app = Litestar([connections, connect, disconnect], lifespan=[session], exception_handlers={IminError: failed})

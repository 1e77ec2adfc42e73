"""A customer's connections with FastAPI: one session for the application, opened when it starts.

uvicorn examples.web.fastapi_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypedDict

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse

from examples.web.answers import CUSTOMER, PAGE, answer_to, link, rows
from imin_accounts import AccountsSession, IminError


class State(TypedDict):
    imin: AccountsSession


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[State]:
    async with AccountsSession.from_env(timeout=10.0) as imin:  # after any fork
        yield {"imin": imin}


def session(request: Request) -> Any:
    return request.state.imin


Imin = Annotated[AccountsSession, Depends(session)]
app = FastAPI(lifespan=lifespan)


@app.get("/connections")
async def connections(imin: Imin) -> list[dict[str, Any]]:
    return rows(await imin.get_seller_accounts(CUSTOMER))


@app.post("/connections/connect")
async def connect(imin: Imin, seller: str) -> RedirectResponse:
    accounts = await imin.get_seller_accounts(CUSTOMER, redirect_uri=PAGE)
    return RedirectResponse(link(accounts, seller), status_code=303)


@app.delete("/connections")
async def disconnect(imin: Imin, seller: str) -> dict[str, str]:
    return {"outcome": (await imin.delete_seller_account(CUSTOMER, seller)).outcome}


@app.exception_handler(IminError)
async def failed(_: Request, error: IminError) -> JSONResponse:
    answer = answer_to(error)
    return JSONResponse(answer.body, answer.status, answer.headers)

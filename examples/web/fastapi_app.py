"""A customer's connections with FastAPI: list, connect, return, disconnect; and imin's notifications.

uvicorn examples.web.fastapi_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypedDict

from fastapi import Depends, FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from examples.web.answers import Answer
from examples.web.broker import Broker, Visit, broker
from examples.web.forms import Form, read_form


class State(TypedDict):
    broker: Broker


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[State]:
    async with broker() as opened:  # after any fork
        yield {"broker": opened}


def its_broker(request: Request) -> Any:
    return request.state.broker


def its_visit(request: Request) -> Visit:
    return Visit(request.cookies, request.headers)


async def its_form(request: Request) -> Any:
    try:
        return await read_form(request.headers, request.stream())
    except ClientDisconnect:  # nobody waits for an answer any more
        return None


def sent(answer: Answer, visit: Visit) -> Response:
    page = visit.wants_page
    return Response(answer.content(as_page=page), answer.status, answer.fields(as_page=page))


Its = Annotated[Broker, Depends(its_broker)]
By = Annotated[Visit, Depends(its_visit)]
Sent = Annotated[Form | None, Depends(its_form)]
app = FastAPI(lifespan=lifespan)


@app.exception_handler(ClientDisconnect)
async def left(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # for the log: nobody reads it


@app.get("/connections")
async def connections(its: Its, visit: By) -> Response:
    return sent(await its.connections(visit), visit)


@app.post("/connections/connect")
async def connect(its: Its, visit: By, form: Sent) -> Response:
    return sent(await its.connect(visit, form), visit)


@app.get("/connections/return")
async def returned(its: Its, visit: By, state: str = "") -> Response:
    return sent(await its.returned(visit, state), visit)


@app.get("/connections/disconnect")
async def ask(its: Its, visit: By, seller: str = "") -> Response:
    return sent(await its.ask(visit, seller), visit)


@app.post("/connections/disconnect")
async def disconnect(its: Its, visit: By, form: Sent) -> Response:
    return sent(await its.disconnect(visit, form), visit)


@app.post("/imin-webhook")  # whoever calls it has to have the key
async def notified(its: Its, visit: By, request: Request) -> Response:
    return sent(await its.notified(request.headers, request.stream()), visit)


@app.post("/login")  # in your service: your own login
async def log_in(its: Its, visit: By, form: Sent) -> Response:
    return sent(await its.log_in(visit, form), visit)

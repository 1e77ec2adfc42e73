"""A customer's connections with Litestar: list, connect, return, disconnect.

uvicorn examples.web.litestar_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State

from examples.web.answers import Answer
from examples.web.broker import Visit, broker
from examples.web.forms import Form, read_form

Asked = Request[Any, Any, Any]


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with broker() as app.state.broker:  # after any fork
        yield


def its_visit(request: Asked) -> Visit:
    return Visit(request.cookies, request.headers)


async def form(request: Asked) -> Form | None:
    return await read_form(request.headers, request.stream())


def sent(answer: Answer, visit: Visit) -> Response[bytes]:
    fields = answer.fields(as_page=visit.wants_page)
    media = fields.pop("Content-Type").partition(";")[0]  # Litestar adds the charset
    body = answer.content(as_page=visit.wants_page).encode()
    return Response(body, status_code=answer.status, headers=fields, media_type=media)


@get("/connections")
async def connections(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.connections(visit), visit)


@post("/connections/connect")
async def connect(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.connect(visit, await form(request)), visit)


@get("/connections/return")
async def returned(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.returned(visit, request.query_params.get("state", "")), visit)


@get("/connections/disconnect")
async def ask(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.ask(visit, request.query_params.get("seller", "")), visit)


@post("/connections/disconnect")
async def disconnect(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.disconnect(visit, await form(request)), visit)


@post("/login")  # in your service: your own login
async def log_in(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.log_in(visit, await form(request)), visit)


app = Litestar(
    [connections, connect, returned, ask, disconnect, log_in],
    lifespan=[lifespan],
    request_max_body_size=None,  # read_form has a limit, and an answer of ours
    logging_config=None,  # Litestar's would log everybody's records, as if the process were its own
)

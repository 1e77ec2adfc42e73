"""A customer's connections with Litestar: list, connect, return.

uvicorn examples.web.litestar_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.enums import RequestEncodingType
from litestar.params import Body

from examples.web.answers import Answer
from examples.web.broker import Visit, broker

Asked = Request[Any, Any, Any]
Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with broker() as app.state.broker:  # after any fork
        yield


def its_visit(request: Asked) -> Visit:
    return Visit(request.cookies, request.headers)


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
async def connect(state: State, request: Asked, data: Form) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.connect(visit, data.get("seller", ""), "create" in data), visit)


@get("/connections/return")
async def returned(state: State, request: Asked) -> Response[bytes]:
    visit = its_visit(request)
    return sent(await state.broker.returned(visit, request.query_params.get("state", "")), visit)


app = Litestar([connections, connect, returned], lifespan=[lifespan])

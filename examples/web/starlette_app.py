"""A customer's connections with Starlette: list, connect, return, disconnect.

uvicorn examples.web.starlette_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from examples.web.answers import Answer
from examples.web.broker import Broker, Visit, broker
from examples.web.forms import Form, read_form


class State(TypedDict):
    broker: Broker


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    async with broker() as opened:  # after any fork
        yield {"broker": opened}


def parts(request: Request) -> tuple[Broker, Visit]:
    return request.state.broker, Visit(request.cookies, request.headers)


async def form(request: Request) -> Form | None:
    try:
        return await read_form(request.headers, request.stream())
    except ClientDisconnect:  # nobody waits for an answer any more
        return None


def sent(answer: Answer, visit: Visit) -> Response:
    page = visit.wants_page
    return Response(answer.content(as_page=page), answer.status, answer.fields(as_page=page))


async def connections(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.connections(visit), visit)


async def connect(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.connect(visit, await form(request)), visit)


async def returned(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.returned(visit, request.query_params.get("state", "")), visit)


async def ask(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.ask(visit, request.query_params.get("seller", "")), visit)


async def disconnect(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.disconnect(visit, await form(request)), visit)


async def log_in(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.log_in(visit, await form(request)), visit)


app = Starlette(
    routes=[
        Route("/connections", connections),
        Route("/connections/connect", connect, methods=["POST"]),
        Route("/connections/return", returned),
        Route("/connections/disconnect", ask),
        Route("/connections/disconnect", disconnect, methods=["POST"]),
        Route("/login", log_in, methods=["POST"]),  # in your service: your own login
    ],
    lifespan=lifespan,
)

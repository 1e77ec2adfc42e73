"""A customer's connections with Starlette: list, connect, return.

uvicorn examples.web.starlette_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from examples.web.answers import Answer
from examples.web.broker import Broker, Visit, broker


class State(TypedDict):
    broker: Broker


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    async with broker() as opened:  # after any fork
        yield {"broker": opened}


def parts(request: Request) -> tuple[Broker, Visit]:
    return request.state.broker, Visit(request.cookies, request.headers)


def sent(answer: Answer, visit: Visit) -> Response:
    page = visit.wants_page
    return Response(answer.content(as_page=page), answer.status, answer.fields(as_page=page))


async def connections(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.connections(visit), visit)


async def connect(request: Request) -> Response:
    its, visit = parts(request)
    form = await request.form()
    return sent(await its.connect(visit, str(form.get("seller", "")), "create" in form), visit)


async def returned(request: Request) -> Response:
    its, visit = parts(request)
    return sent(await its.returned(visit, request.query_params.get("state", "")), visit)


app = Starlette(
    routes=[
        Route("/connections", connections),
        Route("/connections/connect", connect, methods=["POST"]),
        Route("/connections/return", returned),
    ],
    lifespan=lifespan,
)

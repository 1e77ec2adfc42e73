"""A customer's connections with aiohttp.web: list, connect, return, disconnect.

python -m aiohttp.web -P 8000 examples.web.aiohttp_app:application
"""

from collections.abc import AsyncIterator

from aiohttp import web

from examples.web.answers import Answer
from examples.web.broker import Broker, Visit, broker
from examples.web.forms import Form, read_form

BROKER = web.AppKey("BROKER", Broker)


async def lifespan(app: web.Application) -> AsyncIterator[None]:
    async with broker() as app[BROKER]:  # after any fork
        yield


def parts(request: web.Request) -> tuple[Broker, Visit]:
    return request.app[BROKER], Visit(request.cookies, request.headers)


async def form(request: web.Request) -> Form | None:
    try:
        return await read_form(request.headers, request.content.iter_any())
    except (web.RequestPayloadError, ConnectionError):  # no HTTP, or nobody waits for an answer any more
        return None


def sent(answer: Answer, visit: Visit) -> web.Response:
    page = visit.wants_page
    body = answer.content(as_page=page).encode()
    return web.Response(status=answer.status, headers=answer.fields(as_page=page), body=body)


async def connections(request: web.Request) -> web.Response:
    its, visit = parts(request)
    return sent(await its.connections(visit), visit)


async def connect(request: web.Request) -> web.Response:
    its, visit = parts(request)
    return sent(await its.connect(visit, await form(request)), visit)


async def returned(request: web.Request) -> web.Response:
    its, visit = parts(request)
    return sent(await its.returned(visit, request.query.get("state", "")), visit)


async def ask(request: web.Request) -> web.Response:
    its, visit = parts(request)
    return sent(await its.ask(visit, request.query.get("seller", "")), visit)


async def disconnect(request: web.Request) -> web.Response:
    its, visit = parts(request)
    return sent(await its.disconnect(visit, await form(request)), visit)


async def log_in(request: web.Request) -> web.Response:
    its, visit = parts(request)
    return sent(await its.log_in(visit, await form(request)), visit)


def application(_: list[str]) -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(lifespan)
    app.router.add_get("/connections", connections)
    app.router.add_post("/connections/connect", connect)
    app.router.add_get("/connections/return", returned)
    app.router.add_get("/connections/disconnect", ask)
    app.router.add_post("/connections/disconnect", disconnect)
    app.router.add_post("/login", log_in)  # in your service: your own login
    return app

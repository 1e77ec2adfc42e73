"""A customer's connections with aiohttp.web: one session for the application, opened when it starts.

python -m aiohttp.web examples.web.aiohttp_app:application
"""

from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from examples.web.answers import CUSTOMER, PAGE, answer_to, link, rows
from imin_accounts import AccountsSession, IminError

IMIN = web.AppKey("IMIN", AccountsSession)


async def session(app: web.Application) -> AsyncIterator[None]:
    async with AccountsSession.from_env(timeout=10.0) as app[IMIN]:  # after any fork
        yield


async def connections(request: web.Request) -> web.Response:
    return web.json_response(rows(await request.app[IMIN].get_seller_accounts(CUSTOMER)))


async def connect(request: web.Request) -> web.Response:
    accounts = await request.app[IMIN].get_seller_accounts(CUSTOMER, redirect_uri=PAGE)
    location = link(accounts, request.query.get("seller", ""))
    return web.Response(status=303, headers={"Location": location})  # web.HTTPSeeOther would re-encode it


async def disconnect(request: web.Request) -> web.Response:
    deletion = await request.app[IMIN].delete_seller_account(CUSTOMER, request.query.get("seller", ""))
    return web.json_response({"outcome": deletion.outcome})


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except IminError as error:
        answer = answer_to(error)
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)


def application(_: list[str]) -> web.Application:
    app = web.Application(middlewares=[answer_errors])
    app.cleanup_ctx.append(session)
    app.router.add_get("/connections", connections)
    app.router.add_post("/connections/connect", connect)
    app.router.add_delete("/connections", disconnect)
    return app

"""A customer's connections with Django's async views: list, connect, return, disconnect.

Django has no startup and shutdown of its own, so ``Lifespan`` opens the session and closes it.

    uvicorn --lifespan on examples.web.django_app:app
"""

from collections.abc import AsyncIterator
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import path

from examples.web.answers import Answer
from examples.web.broker import Broker, Visit, broker
from examples.web.forms import Form, read_form

if not settings.configured:  # in your project: settings.py
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"])


class Lifespan:
    """Django, with a broker that is open for as long as the server runs."""

    def __init__(self, django: Any) -> None:
        self._django = django

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._django(scope, receive, send)
            return
        await receive()  # lifespan.startup
        async with broker() as opened:  # after any fork
            scope["state"]["broker"] = opened  # the server hands it on with every request
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})


def parts(request: Any) -> tuple[Broker, Visit]:
    return request.scope["state"]["broker"], Visit(request.COOKIES, request.headers)


async def form(request: HttpRequest) -> Form | None:
    async def chunks() -> AsyncIterator[bytes]:
        while chunk := request.read(65_536):  # all of it came in before the view
            yield chunk

    return await read_form(request.headers, chunks())


def sent(answer: Answer, visit: Visit) -> HttpResponse:
    page = visit.wants_page
    text = answer.content(as_page=page)
    return HttpResponse(text, status=answer.status, headers=answer.fields(as_page=page))


async def connections(request: HttpRequest) -> HttpResponse:
    its, visit = parts(request)
    return sent(await its.connections(visit), visit)


async def connect(request: HttpRequest) -> HttpResponse:
    its, visit = parts(request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return sent(await its.connect(visit, await form(request)), visit)


async def returned(request: HttpRequest) -> HttpResponse:
    its, visit = parts(request)
    return sent(await its.returned(visit, request.GET.get("state", "")), visit)


async def disconnect(request: HttpRequest) -> HttpResponse:
    its, visit = parts(request)
    if request.method == "POST":
        return sent(await its.disconnect(visit, await form(request)), visit)
    return sent(await its.ask(visit, request.GET.get("seller", "")), visit)


async def log_in(request: HttpRequest) -> HttpResponse:  # in your service: your own login
    its, visit = parts(request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return sent(await its.log_in(visit, await form(request)), visit)


urlpatterns = [
    path("connections", connections),
    path("connections/connect", connect),
    path("connections/return", returned),
    path("connections/disconnect", disconnect),
    path("login", log_in),
]
app = Lifespan(get_asgi_application())

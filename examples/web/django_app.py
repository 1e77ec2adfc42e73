"""A customer's connections with Django's async views: list, connect, return.

Django has no startup and shutdown of its own, so ``Lifespan`` opens the session and closes it.

    uvicorn --lifespan on examples.web.django_app:app
"""

from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from examples.web.answers import Answer
from examples.web.broker import Broker, Visit, broker

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
        return HttpResponse(status=405)
    return sent(await its.connect(visit, request.POST.get("seller", ""), "create" in request.POST), visit)


async def returned(request: HttpRequest) -> HttpResponse:
    its, visit = parts(request)
    return sent(await its.returned(visit, request.GET.get("state", "")), visit)


urlpatterns = [
    path("connections", connections),
    path("connections/connect", connect),
    path("connections/return", returned),
]
app = Lifespan(get_asgi_application())

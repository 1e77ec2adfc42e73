"""A customer's connections with Django's async views: one session for the application.

Django has no startup and shutdown of its own, so ``Lifespan`` opens and closes the session.

    uvicorn --lifespan on examples.web.django_app:app
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path

from examples.web.answers import CUSTOMER, PAGE, answer_to, link, rows
from imin_accounts import AccountsSession, IminError

View = Callable[[HttpRequest], Awaitable[HttpResponse]]

if not settings.configured:  # in your project: settings.py
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"])


class Lifespan:
    """Django, with a session that is open for as long as the server runs."""

    def __init__(self, django: Any) -> None:
        self._django = django

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._django(scope, receive, send)
            return
        await receive()  # lifespan.startup
        async with AccountsSession.from_env(timeout=10.0) as imin:  # after any fork
            scope["state"]["imin"] = imin  # the server hands it on with every request
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})


def answering(view: View) -> View:
    @wraps(view)
    async def answered(request: HttpRequest) -> HttpResponse:
        try:
            return await view(request)
        except IminError as error:
            answer = answer_to(error)
        return JsonResponse(answer.body, status=answer.status, headers=answer.headers)

    return answered


def session(request: Any) -> AccountsSession:
    imin: AccountsSession = request.scope["state"]["imin"]
    return imin


@answering
async def connections(request: HttpRequest) -> HttpResponse:
    if request.method == "DELETE":
        deletion = await session(request).delete_seller_account(CUSTOMER, request.GET.get("seller", ""))
        return JsonResponse({"outcome": deletion.outcome})
    return JsonResponse(rows(await session(request).get_seller_accounts(CUSTOMER)), safe=False)


@answering
async def connect(request: HttpRequest) -> HttpResponse:
    accounts = await session(request).get_seller_accounts(CUSTOMER, redirect_uri=PAGE)
    response = HttpResponseRedirect(link(accounts, request.GET.get("seller", "")))
    response.status_code = 303
    return response


urlpatterns = [path("connections", connections), path("connections/connect", connect)]
app = Lifespan(get_asgi_application())

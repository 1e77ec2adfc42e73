"""A web service in a process of its own, and the emulated imin behind it, which may go away."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import distributions
from typing import Self

import attrs
import httpx
import pytest

from examples.web.state import Signed
from imin_accounts.fake import FakeImin, Notify, add_rosie
from tests.paths import ROOT
from tests.ports import free_port

UVICORN = ("uvicorn", "--lifespan", "on", "--host", "127.0.0.1", "--port")
AIOHTTP = ("aiohttp.web", "-H", "127.0.0.1", "-P")
SECRET = "a secret of the tests, of no use elsewhere"
ROSIE = {"login": Signed(SECRET).login("rosie")}
"""The cookie of a browser in which Rosie is logged in."""
PATIENCE = 60.0
"""Seconds that a process may take for something, on however busy a machine."""
COMPLAINTS = ("Warning", "Traceback", "Exception", "ERROR", "Unclosed", "unclosed", "never awaited")
"""No line that a healthy service prints, from its start to its end, has one of these."""


@attrs.frozen
class Example:
    """How to start one of the examples.

    Attributes:
        needs: What has to be installed for it.
        command: Arguments of ``python -m``; the port follows, then ``app``.
        ready: What it prints once it takes requests.
        ended: What it prints once everything is closed.
    """

    needs: tuple[str, ...]
    command: tuple[str, ...]
    app: str
    ready: str = "Uvicorn running"
    ended: str = "Application shutdown complete"

    def skip_if_missing(self) -> None:
        """Skip the test where something is not installed."""
        skip_if_missing(*self.needs)


EXAMPLES = {
    "fastapi": Example(("uvicorn", "fastapi"), UVICORN, "examples.web.fastapi_app:app"),
    "starlette": Example(("uvicorn", "starlette"), UVICORN, "examples.web.starlette_app:app"),
    "litestar": Example(("uvicorn", "litestar"), UVICORN, "examples.web.litestar_app:app"),
    "aiohttp": Example((), AIOHTTP, "examples.web.aiohttp_app:application", ready="Running on", ended=""),
    "django": Example(("uvicorn", "django"), UVICORN, "examples.web.django_app:app"),
}


class HeldSleep:
    """The emulator's ``sleep``: a late answer waits until it is let go. No time passes.

    Attributes:
        given_up: Whether whoever had asked went away before that; not known before ``ended``.
    """

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.let_go = asyncio.Event()
        self.given_up = False

    async def __call__(self, seconds: float) -> None:
        if not seconds:
            return
        self.begun.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise
        finally:
            self.ended.set()


class ServedImin:
    """The emulated imin at an address of its own, up or down.

    Args:
        notify: Where it posts that something has changed.
    """

    def __init__(self, notify: Notify | None = None) -> None:
        self._notify = notify
        self._serving = AsyncExitStack()
        self._port = free_port()
        self.held = HeldSleep()
        self.fake = FakeImin(sleep=self._sleep)
        self.base_url = f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self._serving.enter_async_context(self.fake.serve(port=self._port, notify=self._notify))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._serving.aclose()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Refuse connections until the context ends."""
        await self._serving.aclose()
        try:
            yield
        finally:
            await self.__aenter__()

    def as_new(self) -> None:
        """Forget everything but Rosie."""
        self.fake.reset()
        add_rosie(self.fake)
        self.held = HeldSleep()

    async def _sleep(self, seconds: float) -> None:
        await self.held(seconds)


@attrs.frozen
class WebService:
    """A web service that runs: its browser's side, its process, and what it has printed."""

    http: httpx.AsyncClient
    process: asyncio.subprocess.Process
    printed: list[str]

    async def stop(self, signum: signal.Signals | None = signal.SIGINT) -> str:
        """Stop it, and wait until it has. Returns all that it printed.

        After a SIGTERM uvicorn would kill itself, and Python could not warn of what was left open.
        """
        if signum is not None:
            self.process.send_signal(signum)
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            self.printed.extend([line.decode() async for line in self.process.stdout])
            await self.process.wait()
        return "".join(self.printed)

    async def wait_for(self, text: str) -> None:
        """Wait until it has printed ``text``."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self.process.stdout.readline()).decode()
                self.printed.append(line)
                if text in line:
                    return
                assert line, f"it ended without {text!r}: {''.join(self.printed)}"


@asynccontextmanager
async def run_service(*arguments: str, port: int, **environment: str) -> AsyncIterator[WebService]:
    """Run ``python -m`` with these arguments, in development mode: it prints every warning."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-m", *arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "BROKER_SECRET": SECRET, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    site = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=site, cookies=ROSIE, timeout=60, trust_env=False) as http:
        service = WebService(http, process, [])
        try:
            yield service
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # with its workers
            await service.stop(None)


@asynccontextmanager
async def serve_example(
    example: Example, imin: ServedImin, port: int | None = None, **environment: str
) -> AsyncIterator[WebService]:
    """Run an example until the context ends, or before."""
    example.skip_if_missing()
    port = port or free_port()
    there = {
        "IMIN_API_KEY": "test-key",
        "IMIN_BASE_URL": imin.base_url,
        "BROKER_ORIGIN": f"http://127.0.0.1:{port}",
        **environment,
    }
    async with run_service(*example.command, str(port), example.app, port=port, **there) as service:
        await service.wait_for(example.ready)
        yield service


def skip_if_missing(*names: str) -> None:
    """Skip the test where one of these packages is not installed."""
    installed = {each.name.lower().replace("-", "_") for each in distributions()}
    if missing := [name for name in names if name.lower().replace("-", "_") not in installed]:
        pytest.skip(f"not installed: {', '.join(missing)} (an extra, or the dependency group `web`)")

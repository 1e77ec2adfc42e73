"""An application loaded before the fork: each worker opens a session of its own."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.examples.web_service import COMPLAINTS, Example, ServedImin, WebService, run_service
from tests.ports import free_port

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc"),
]
WORKERS = 2
# To be ended with SIGTERM: a SIGINT reaches the workers as SIGQUIT, which they sit out until they are killed.
PRELOADED = ("gunicorn", "--preload", f"--workers={WORKERS}", "--worker-class=uvicorn_worker.UvicornWorker")


@asynccontextmanager
async def preloaded(app: str, imin: ServedImin) -> AsyncIterator[WebService]:
    """Serve an application that gunicorn imports before it forks its workers."""
    Example(("gunicorn", "uvicorn_worker", "fastapi"), (), app).skip_if_missing()
    port = free_port()
    there = {"IMIN_API_KEY": "test-key", "IMIN_BASE_URL": imin.base_url}
    async with run_service(*PRELOADED, "--bind", f"127.0.0.1:{port}", app, port=port, **there) as service:
        for _ in range(WORKERS):
            await service.wait_for("Application startup complete")
        yield service


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has forked."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_both_workers_of_a_preloaded_application_can_ask(imin: ServedImin) -> None:
    """Each of two workers answers while the other is stopped, and both end as they should."""
    async with preloaded("examples.web.fastapi_app:app", imin) as service:
        workers = children(service.process.pid)
        assert len(workers) == WORKERS
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
            answer = await service.http.get("/connections", headers={"Connection": "close"})
            os.kill(worker, signal.SIGCONT)
            assert (answer.status_code, len(answer.json()["connections"])) == (200, 3)
        printed = await service.stop(signal.SIGTERM)
    assert printed.count("Application shutdown complete") == WORKERS
    assert [line for line in printed.splitlines() if any(word in line for word in COMPLAINTS)] == []


async def test_a_session_that_was_open_before_the_fork_says_so(imin: ServedImin) -> None:
    """It never shares a connection between processes: it refuses, and the log says what to do."""
    async with preloaded("tests.examples.session_before_fork:app", imin) as service:
        answer = await service.http.get("/connections")
        assert (answer.status_code, answer.json()["error"]) == (500, "SessionStateError")
        assert "open one after the fork" in await service.stop(signal.SIGTERM)
    assert imin.fake.requests == ()

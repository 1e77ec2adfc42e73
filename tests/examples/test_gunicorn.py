"""An application loaded before the fork: each worker opens a session of its own."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.examples.served import Example, Imin, free_port, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc"),
]
GUNICORN = Example(("gunicorn", "uvicorn_worker", "fastapi"), (), "examples.web.fastapi_app:app")


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has forked."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_both_workers_of_a_preloaded_application_can_ask(imin: Imin) -> None:
    """Each of two workers answers while the other is stopped, and all end cleanly."""
    GUNICORN.skip_if_missing()
    port = free_port()
    there = {"IMIN_API_KEY": "test-key", "IMIN_BASE_URL": imin.base_url}
    command = ("--preload", "--workers=2", "--worker-class=uvicorn_worker.UvicornWorker", "--bind")
    arguments = ("gunicorn", *command, f"127.0.0.1:{port}", GUNICORN.app)
    async with running(*arguments, port=port, **there) as service:
        for _ in range(2):
            await service.prints("Application startup complete")
        workers = children(service.process.pid)
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
            answer = await service.http.get("/connections", headers={"Connection": "close"})
            os.kill(worker, signal.SIGCONT)
            assert (answer.status_code, len(answer.json())) == (200, 3)
        printed = await service.ends()
    assert not any(word in printed for word in ("Warning", "Traceback", "Unclosed"))

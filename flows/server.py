"""Prefect's temporary server for one run: started where no other is configured, and gone with the run, however that ends.

Prefect would start one by itself, but imports its whole server into the run to do so (1.6 CPU-seconds), and leaves it behind
where the run is killed.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"
STARTUP = 120  # seconds at least; Prefect's 20 are too short on a small box
ENDING = 5  # seconds that it has to end by itself
LOOK = 0.5  # seconds between looks at the parent
# Not `-m flows.server`: the working directory may have a folder `flows` of its own.
SERVE = "import sys; sys.path.insert(0, sys.argv[1]); from flows.server import serve; serve(*map(int, sys.argv[2:]))"


@contextmanager
def temporary_server() -> Iterator[None]:
    """Have a Prefect server: the one that is configured, or a temporary one, which ends after Prefect's last words at exit.

    Ctrl-C does not reach it, since it must be told how the run ended. Raises ConnectionError where it does not start.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    with socket.create_server((HOST, 0)) as listening:
        url = f"http://{HOST}:{listening.getsockname()[1]}"
        print(f"starting a temporary Prefect server on {url}; `prefect server start` makes one that stays", flush=True)
        process = _serving(listening)
    atexit.register(_end, process)
    _wait(url, process)
    logging.getLogger("prefect.flow_runs").addFilter(_worth_saying)
    with temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        yield


def _serving(listening: socket.socket) -> subprocess.Popen[bytes]:
    """Start the server with this run's settings, in a session of its own: the terminal's signals are not for it."""
    from prefect.settings import get_current_settings

    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-c", SERVE, str(Path(__file__).parents[1]), str(listening.fileno()), str(os.getpid())],
        pass_fds=[listening.fileno()],
        start_new_session=True,
        env={**os.environ, **settings, "PREFECT_UI_ENABLED": "0"},
    )


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for the server's first answer; the socket listens already, so one request is enough."""
    import httpx
    from prefect.settings import PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS as SET

    try:
        httpx.get(f"{url}/api/health", timeout=max(STARTUP, SET.value()), trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        with suppress(subprocess.TimeoutExpired):  # one that hung up is about to end, on a busy machine in a while
            process.wait(STARTUP if isinstance(error, httpx.NetworkError) else 1)
        state = "does not answer" if process.returncode is None else f"ended with code {process.returncode}, see above"
        raise ConnectionError(
            f"Prefect's temporary server {state} ({error}); or start one with `prefect server start` and name it: "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        ) from None


def _worth_saying(record: logging.LogRecord) -> bool:
    """Leave out the address of a page that a temporary server does not show."""
    return not record.getMessage().startswith("View at ")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


def serve(number: int, parent: int) -> None:
    """Serve on the listening socket of that number, which the parent has opened, for as long as the parent lives."""
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run(sockets=[socket.socket(fileno=number)])

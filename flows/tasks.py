"""A stage as a Prefect task: retried when the machine hiccups, named after the stage, done at most once.

Whether a stage is done is decided by its manifests, not by Prefect's cache: they are true for every way of running it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import task

P = ParamSpec("P")
R = TypeVar("R")

TRANSIENT = (ConnectionError, TimeoutError, InterruptedError, BrokenPipeError)


def _is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Say whether trying again can help: a bad input stays bad."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TRANSIENT) or (
        isinstance(error, OSError) and error.errno in (5, 11, 16)
    )  # EIO EAGAIN EBUSY


def stage(name: str, function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` as a task of this name."""
    made = task(
        name=name,
        task_run_name=name,
        retries=2,
        retry_delay_seconds=5,
        retry_condition_fn=_is_transient,
        persist_result=False,
    )
    return cast("Callable[P, R]", made(function))

"""`prefect run <flow> [--config file.yaml] [--plan] [key=value …]`, also as `python -m flows run`."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECTED = (ValueError, OSError)  # a bad run: told in one sentence; anything else is a defect and keeps its traceback
LATE = 30  # seconds
PLAN = "--plan"
USAGE = "prefect run <flow> [--config file.yaml] [--plan] [key=value …]"


@dataclass(frozen=True)
class Command:
    """One thing `prefect run` runs: module.function, its own section of keys, and the sections it reads."""

    about: str
    module: str
    section: str | None
    reads: tuple[str, ...]
    example: str = ""


CURATION = ("engine", "ingest", "exact", "fuzzy", "language", "quality", "skill", "decontaminate", "tokens", "policy")
MIXING = ("search", "swarm", "proxy", "handoff")
SYNTHESIZE = (
    "root=corpus endpoints=http://gpu1:8000/v1,http://gpu2:8000/v1 model=Qwen/Qwen3-8B where=\"keep AND skill = 'math'\" "
    "samples=4 limit=1000 --plan"
)
COMMANDS = {
    "curate": Command("raw dumps → judged corpus and its catalog", "flows.curate", None, CURATION),
    "synthesize": Command("verified chain-of-thought rewrites by any OpenAI-compatible endpoint", "flows.synthesize", "synthesise", ("synthesise", *CURATION), SYNTHESIZE),
    "mixture-search": Command("candidate mixtures → proxy fine-tunes → the chosen one, with an interval on its gain", "flows.mixture_search", "search", MIXING),
    "handoff": Command("the chosen mixture → exact, verified, trainer-ready shards", "flows.handoff", "handoff", ("handoff", "tokens")),
    "pipeline": Command("all four in a row", "flows.pipeline", None, (*CURATION, "synthesise", *MIXING)),
    "verify-handoff": Command("re-hash, re-count and re-tokenise a hand-off: path=<dir>", "flows.verify", None, ()),
}  # fmt: skip


def main(argv: list[str]) -> int:
    """Run one command; returns the exit code: 0 done, 1 the run failed, 2 the command line is wrong, 128 + n ended by signal n."""
    name = argv[0] if argv and not argv[0].startswith("-") else None
    asks = "--help" in argv or "-h" in argv
    if name is None:
        print(_overview())
        return 0 if asks else 2
    from flows.config import ConfigError, nearest

    try:
        if name not in COMMANDS:
            raise ConfigError(  # noqa: TRY301 - one place prints what the command line got wrong
                f"no such flow{nearest(name, tuple(COMMANDS))}; flows are {', '.join(COMMANDS)}"
            )
        if asks:
            print(_help(name))
            return 0
        return _start(name, [word for word in argv[1:] if word != PLAN], plan=PLAN in argv)
    except ConfigError as error:
        print(f"prefect run {name}: {error}", file=sys.stderr)
        return 2
    except EXPECTED as error:
        print(f"\nprefect run {name}: {sentence(error)}", file=sys.stderr)
        _let_go(error)
        return 1
    except KeyboardInterrupt as ended:
        print(
            f"\nprefect run {name}: interrupted; what is finished is kept, the same command goes on from there",
            file=sys.stderr,
        )
        return 128 + (ended.args[0] if ended.args else signal.SIGINT)  # as shells say it


def _start(name: str, words: list[str], *, plan: bool) -> int:
    path, pairs = _split(words)
    if name == "verify-handoff":
        return _verify(pairs)
    from flows.config import load

    config = load(path, pairs, COMMANDS[name].section)
    return _plan(name, config) if plan else _run(name, config)


def _plan(name: str, config: Any) -> int:
    """Print what a run would do, and what it would cost where the flow can tell; does nothing."""
    module = importlib.import_module(COMMANDS[name].module)
    todo = module.pending(config)
    print(f"{name}: {', '.join(todo) or 'nothing to do'} → {config.root}")
    if todo and hasattr(module, "plan"):
        print(module.plan(config))
    return 0


def _let_go(error: BaseException | None) -> None:
    """Drop what the frames of an error hold: a database connection alive at the exit prints a page of its own."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def sentence(error: BaseException) -> str:
    """Return an expected error as one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    return str(error) or type(error).__name__


def _split(argv: list[str]) -> tuple[str | None, list[str]]:
    from flows.config import ConfigError

    path, pairs, rest = None, [], iter(argv)
    for word in rest:
        if word == "--config" or word.startswith("--config="):
            path = word.partition("=")[2] or next(rest, None)
            if path is None:
                raise ConfigError("--config needs a file")
        elif word.startswith("-"):
            raise ConfigError(f"unknown option {word!r}; expected {USAGE}")
        else:
            pairs.append(word)
    return path, pairs


def _run(name: str, config: Any) -> int:
    """Run a flow unless everything it would do is done, which is known without starting Prefect."""
    module = importlib.import_module(COMMANDS[name].module)
    work = module.pending(config)
    if not work:
        print(f"{name}: nothing to do, every stage is done under {config.root}")
        print(module.summary(config))
        return 0
    _try_root(config.root)
    print(f"{name}: {', '.join(work)} → {config.root}", flush=True)
    from prefect.settings import PREFECT_SERVER_ANALYTICS_ENABLED as ANALYTICS
    from prefect.settings import temporary_settings

    from flows.server import temporary_server

    for logger in ("prefect.flow_runs", "prefect.task_runs", "prefect.engine"):
        logging.getLogger(logger).addFilter(_without_traceback)
    quiet = {} if ANALYTICS.name in os.environ else {ANALYTICS: False}  # Prefect's server would report home
    heeded = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupted) for number in heeded}
    try:
        with temporary_settings(updates=quiet), temporary_server():
            getattr(module, COMMANDS[name].module.split(".")[-1])(config)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(config.root) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    print(module.summary(config))
    return 0


def _interrupted(number: int, _frame: object) -> None:
    """End the run, and in LATE seconds the process: an interrupt inside logging leaves a lock held that Prefect's threads wait for.

    Prefect hands SIGTERM on once it has told its server.
    """
    threading.Thread(target=_leave, args=(128 + number,), daemon=True).start()
    raise KeyboardInterrupt(number)


def _leave(code: int) -> None:
    time.sleep(LATE)
    os._exit(code)  # the temporary server goes when it sees that


def _full(root: Path) -> OSError:
    """Return what to say of a disk that is full."""
    free = shutil.disk_usage(root).free
    return OSError(
        f"the disk of root={root} is full ({free / 1e9:.1f} GB free, too little for what comes next, or your quota is used up); make room "
        "there and run again: what is finished is kept"
    )


def _try_root(root: Path) -> None:
    """Raise OSError where nothing can be written under the root: better now than after an hour of work."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise OSError(
            f"cannot write to root={root} ({error.strerror}); name a folder you may write to: root=<folder>"
        ) from None


def _without_traceback(record: logging.LogRecord) -> bool:
    """Keep Prefect's line about an expected error, drop its traceback: the sentence is printed at the end."""
    if record.exc_info and isinstance(record.exc_info[1], EXPECTED):
        record.exc_info = None
    return True


def _verify(pairs: list[str]) -> int:
    from flows.config import ConfigError
    from flows.verify import verify

    given = dict(pair.partition("=")[::2] for pair in pairs)
    if set(given) != {"path"}:
        raise ConfigError(f"expected path=<folder of a hand-off>, got {' '.join(pairs) or 'nothing'}")
    return verify(given["path"])


def _overview() -> str:
    rows = [f"  {name:<16}{command.about}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Run a Cuvée flow.",
            "",
            f"Usage: {USAGE}",
            "",
            *rows,
            "",
            "`prefect run <flow> --help` lists a flow's keys with defaults and meaning.",
        ]
    )


def _help(name: str) -> str:
    from flows.config import keys

    command = COMMANDS[name]
    lines = [f"{name}: {command.about}", "", f"Usage: prefect run {name} [--config file.yaml] [key=value …]"]
    if name == "verify-handoff":
        return "\n".join(
            [
                *lines[:2],
                "Usage: prefect run verify-handoff path=<folder>",
                "",
                "Exit code 1 and the name of the check where one fails.",
            ]
        )
    if command.example:
        lines += [f"Example: prefect run {name} {command.example}"]
    lines += ["", f"{PLAN} prints what would be done, and what it would cost where that can be told, and does nothing."]
    section = None
    for key, (kind, default, meaning) in sorted(keys().items(), key=lambda item: _rank(item[0], command.section)):
        part = key.split(".")[0] if "." in key else ""
        if part and part not in command.reads:
            continue
        own = part == command.section
        if part != section:
            lines += ["", f"{part or 'common'} keys" + (f" (or {part}.<key>)" if own else "")]
            section = part
        lines.append(f"  {key.removeprefix(f'{part}.') if own else key}={_show(default)}  [{kind}]\n      {meaning}")
    return "\n".join(lines)


def _rank(key: str, section: str | None) -> int:
    """Order the keys of a help page: common ones, the flow's own, the others."""
    return 0 if "." not in key else 1 if key.startswith(f"{section}.") else 2


def _show(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else "" if value is None else str(value)

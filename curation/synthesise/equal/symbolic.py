"""math-verify in a child process: its own timeouts are signals, which only the main thread of a process may set.

The child is killed when a pair takes too long or too much memory, and started again for the next pair.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from curation.synthesise.equal.units import measures

CHILD = Path(__file__).with_name("child.py")
START_SECONDS = 120.0  # the child imports sympy; a loaded machine takes long


LONGEST_POWER = 6  # digits of an exponent that are worked out at all
_WORDS = r"sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|pi|infinity|infty"
_UNIT = re.compile(
    r"(?<=[\d})\]\sπ])\s*(?:[a-z°]{1,3}(?:\^\{?[23]\}?)?(?:/[a-z]{1,3}(?:\^\{?2\}?)?)?|units?|square units?|[\u4e00-\u9fff]{1,4})$"
)


LOOK_SECONDS = 0.2
PATIENCE = 10  # times the seconds of CPU a pair may take, on the clock


class Compare(Protocol):
    """Says whether two mathematical expressions are equal; None where it could not tell in time."""

    def __call__(self, reference: str, answer: str) -> bool | None:
        """Compare one pair."""
        ...


class Symbolic:
    """A Compare that any thread may call; one pair at a time. Close it, or use it in a `with`."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.timeouts = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __call__(self, reference: str, answer: str) -> bool | None:
        """Compare one pair; starts the child where there is none."""
        if _explodes(reference) or _explodes(answer):
            self.timeouts += 1
            return None
        with self._lock:
            child = self._child or self._start()
            if child.stdin is None:
                raise RuntimeError("the math-verify process has no standard input")
            try:
                child.stdin.write(json.dumps([reference, answer]).encode() + b"\n")
                child.stdin.flush()
                line = self._verdict(child)
            except BrokenPipeError:
                line = b""
            if line not in (b"1\n", b"0\n"):  # late, or dead of the memory limit
                self.timeouts += 1
                self._stop()
                return None
            return line == b"1\n"

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-P", str(CHILD)],  # by its path: the package would import much that it does not need
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        if self._line(self._child, START_SECONDS) != b"ready\n":
            self._stop()
            raise RuntimeError(f"math-verify did not start; try `python {CHILD}` to see why")
        return self._child

    def _verdict(self, child: subprocess.Popen[bytes]) -> bytes:
        """Wait for an answer while the child has time left: of its own CPU, so that a busy machine makes nothing late."""
        began, used = time.monotonic(), _cpu_seconds(child.pid)
        while not (line := self._line(child, min(self.seconds, LOOK_SECONDS))):
            waited, spent = time.monotonic() - began, _cpu_seconds(child.pid) - used
            if spent > self.seconds or waited > PATIENCE * self.seconds or child.poll() is not None:
                break
        return line

    @staticmethod
    def _line(child: subprocess.Popen[bytes], seconds: float) -> bytes:
        if child.stdout is None or not select.select([child.stdout], [], [], seconds)[0]:
            return b""
        return child.stdout.readline()

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def close(self) -> None:
        """Stop the child."""
        with self._lock:
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process; where there is no /proc, the time on the clock."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def latex(text: str, *, whole: bool = False) -> str:
    """Return a settled expression as math-verify reads it: plain powers, products, roots and functions in LaTeX.

    The name before a single = goes, unless the `whole` equation is meant.
    """
    if (unit := _UNIT.search(text)) and (measures(unit[0].strip()) or re.search("unit|[\u4e00-\u9fff]", unit[0])):
        text = text[: unit.start()]
    text = (
        text.replace("$", "").replace("**", "^").replace("×", r"\times ").replace("÷", r"\div ").replace("·", r"\cdot ")
    )
    text = (
        text.replace("π", r"\pi ")
        .replace("≤", r"\le ")
        .replace("≥", r"\ge ")
        .replace("∞", r"\infty ")
        .replace("θ", r"\theta ")
        .replace("°", r"^{\circ}")
    )
    text = re.sub(r"√\s*\(([^()]*)\)|√\s*(\d+|[a-zA-Z])", lambda m: rf"\sqrt{{{m[1] or m[2]}}}", text)
    text = re.sub(r"(?<![\\a-z])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text)
    text = re.sub(r"(?<![a-zA-Z\\])C_\{?(\d+)\}?\^\{?(\d+)\}?", r"\\binom{\1}{\2}", text)
    text = re.sub(r"\^\(([^()]*)\)", r"^{\1}", text)
    text = re.sub(r"\^(-?\d{2,})", r"^{\1}", text)
    text = re.sub(rf"(?<![\\a-zA-Z])({_WORDS})(?![a-zA-Z])", r"\\\1", text)
    text = re.sub(r"(?<=[\w)}])\s*\*\s*(?=[\w(\\])", r" \\cdot ", text)
    return text.strip() if whole else re.sub(r"^[a-zA-Z](?:_\{?\w\}?)?\s*=(?!.*=)", "", text).strip()


def _explodes(text: str) -> bool:
    """Say whether working it out would never end: a tower of powers, a power of millions."""
    return bool(
        re.search(r"(?:\^\s*[{(]?\s*-?\d+\s*){2,}", text) or re.search(rf"\^\s*[{{(]?\s*\d{{{LONGEST_POWER},}}", text)
    )

"""Serves until it is stopped, its URLs in a folder: `python -m curation.server model=/models/x folder=/shared/urls [key=value …]`.

One such process a Slurm or Ray rank; synthesise.endpoints and scores.endpoints take the folder. Keys are those of
curation/server/settings.py, and `name`, under which the model is served (its last path part where not given).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.server.serve import serve
from curation.server.settings import Server
from curation.shards import write_atomic

LOOK_SECONDS = 1.0


def main(pairs: list[str]) -> int:
    """Serve; returns 2 for keys that are none, 1 where every server has died as often as it may be restarted."""
    given: dict[str, Any] = dict(pair.partition("=")[::2] for pair in pairs)
    folder, name = Path(given.pop("folder", "urls")), given.pop("name", "")
    for key in ("args", "gpus"):
        if key in given:
            given[key] = tuple(given[key].split(","))
    try:
        settings = Server.model_validate({"host": "0.0.0.0", **given})  # noqa: S104 - other machines are to reach it
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not settings.model:
        sys.stderr.write("give a model: model=/models/x\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    rank = os.environ.get("SLURM_PROCID") or str(os.getpid())
    with ExitStack() as stack:
        servers = stack.enter_context(serve(settings, name or Path(settings.model).name, folder / "logs" / rank))
        files = {url: folder / f"{socket.gethostname()}-{rank}-{at}.url" for at, url in enumerate(servers.urls)}
        for url, path in files.items():
            stack.callback(path.unlink, missing_ok=True)
            write_atomic(path, url.encode())
        while len(ended := servers.ended()) < len(files):
            for url in ended:
                files[url].unlink(missing_ok=True)
            time.sleep(LOOK_SECONDS)
        sys.stderr.write("\n".join(f"{url} ended for good; {log}" for url, log in ended.items()) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

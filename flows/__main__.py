"""`python -m flows run <flow> …`: the same as `prefect run <flow> …`, for where the plugin is not enabled."""

from __future__ import annotations

import sys

from flows.cli import main

if __name__ == "__main__":
    if sys.argv[1:2] != ["run"]:
        sys.exit("usage: python -m flows run <flow> [--config file.yaml] [key=value …]   (python -m flows run --help)")
    sys.exit(main(sys.argv[2:]))

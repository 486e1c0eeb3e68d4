"""Registers `prefect run` with Prefect's CLI; loaded by Prefect where `[tool.prefect.plugins] enabled = true`.

Without postponed annotations: the CLI reads those of `run`, whose names are local to the function that makes it.
"""

import sys
from pathlib import Path
from typing import Annotated

from prefect.plugins import HookContext, SetupResult, register_hook


@register_hook
def setup_environment(*, ctx: HookContext) -> SetupResult | None:
    """Add the command `run` when this process is the `prefect` command; changes no environment."""
    if Path(sys.argv[0]).name in ("prefect", "__main__.py"):
        try:
            _register()
        except (
            ImportError,
            AttributeError,
        ) as reason:  # the CLI object is private; a Prefect that moved it must still work
            ctx.logger_factory("cuvee").warning(
                "`prefect run` is not available (%s); use `python -m flows run`", reason
            )
    return None


def _register() -> None:
    import cyclopts
    from prefect.cli._app import _app

    app = cyclopts.App(
        name="run", help="Run a Cuvée flow: prefect run <flow> [--config file.yaml] [key=value …]", help_flags=[]
    )

    @app.default
    def run(*tokens: Annotated[str, cyclopts.Parameter(show=False, allow_leading_hyphen=True)]) -> None:
        from flows.cli import main

        sys.exit(main(list(tokens)))

    _app.command(app)

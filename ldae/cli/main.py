"""The command `ldae`: its commands, and how errors are said."""

from __future__ import annotations

import logging
import sys
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperGroup

from ldae.cli import check, edit, export, fetch_weights, plan, predict, preprocess, sample
from ldae.errors import UserError, say_trouble

USAGE_ERROR = 2


class Commands(TyperGroup):
    """Commands that say what a user can mend as the workflow does, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            said: UserError | None = error
        except (OSError, MemoryError) as error:
            said = say_trouble(error)
            if said is None:
                raise
        print(said, file=sys.stderr)
        raise typer.Exit(1)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 120},
)


@app.callback()
def show_progress() -> None:
    """Latent diffusion autoencoders for brain MRI: check a download, and use a trained model. Research use only."""
    terminal = sys.stderr.isatty()
    handler = logging.StreamHandler(sys.stderr)
    handler.terminator = "\x1b[K\r"  # progress on one line of a terminal; elsewhere the summary says it all
    package = logging.getLogger("ldae")
    package.handlers, package.propagate = [handler] if terminal else [logging.NullHandler()], False
    package.setLevel(logging.INFO)


COMMANDS = (
    *(check.check, plan.plan, predict.predict, edit.reconstruct, edit.manipulate, edit.interpolate, edit.vary),
    *(sample.sample, preprocess.preprocess, export.export, fetch_weights.fetch_weights),
)
for command in COMMANDS:
    app.command(help=cleandoc(command.__doc__ or "").replace(r"\b", "\b"))(command)  # click keeps the lines after \b


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; wrong arguments end the program."""
    try:
        app(arguments, prog_name="ldae")
    except SystemExit as end:
        if end.code == USAGE_ERROR:
            raise
        return int(end.code or 0)
    return 0

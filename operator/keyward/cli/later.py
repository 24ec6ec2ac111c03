"""A command whose module is loaded when it is called: `keyward version` must not pay for the models of the API."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command


class Later(TyperCommand):
    """Stands in the list of commands for one of another module, under the words that its own help begins with.

    Its function loads that module and gives the Typer app that it has.
    """

    def loaded(self) -> Any:
        """The command itself."""
        assert self.callback is not None
        app: typer.Typer = self.callback()
        return get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.loaded().make_context(info_name, args, parent, **extra)


def part(**options: Any) -> typer.Typer:
    """The app of one module, which stands below `keyward`."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, **options)

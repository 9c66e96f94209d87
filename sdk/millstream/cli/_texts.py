"""Texts that users give."""

from __future__ import annotations

from typing import Any

import click


class Text(click.ParamType[str]):
    """A text that is not empty: an empty one comes from a variable of the shell that is not set."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text."""
        if not str(value).strip():
            self.fail("it is empty: leave it out, or give a text.", param, ctx)
        return str(value)

"""Names that a shell completes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream.exceptions import MillstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def one_of(names: Callable[[], Iterable[str]]) -> Completion:
    """The completion of a parameter by the names that there are; by none where they cannot be read."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del ctx, param
        try:
            return [name for name in names() if name.startswith(incomplete)]
        except MillstreamError:
            return []

    return complete

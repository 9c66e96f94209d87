"""The options of commands that speak to a cluster."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from millstream.cli._texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = (
    click.option(
        "-n", "--namespace", metavar="NAME", type=Text(), help="The namespace, if not that of the context."
    ),
    click.option(
        "--context",
        metavar="NAME",
        type=Text(),
        help="The context of the kubeconfig, if not the current one.",
    ),
    click.option(
        "--kubeconfig",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="The kubeconfig, if not that of KUBECONFIG or ~/.kube/config.",
    ),
)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose a cluster; it takes them together as `place`, a `Place`."""

    @wraps(command)
    def wrapped(
        *arguments: Any, namespace: str | None, context: str | None, kubeconfig: str | None, **options: Any
    ) -> Any:
        import warnings  # noqa: PLC0415 - for when a command is used

        from millstream._cluster.connection import Place  # noqa: PLC0415 - as above

        # Whoever wrote insecure-skip-tls-verify into the kubeconfig knows it.
        warnings.filterwarnings("ignore", "Unverified HTTPS request")
        return command(*arguments, place=Place(kubeconfig, context, namespace), **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped

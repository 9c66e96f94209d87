"""Choosing runs of the cluster by what users say of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from millstream.cli._objects import ObjectName, complete_names
from millstream.cli._times import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.runs import Run

LIVE: Final = ("", "Scheduled", "Queued", "Pending", "Running", "AwaitingRetry", "Paused", "Cancelling")
"""Also the state of a run that no operator has seen yet."""
UNSUCCESSFUL: Final = ("Failed", "TimedOut", "Crashed")
FINAL: Final = ("Completed", *UNSUCCESSFUL, "Cancelled")
_ALL: Final = (*LIVE, *FINAL)
_SHORT: Final = {"live": LIVE, "final": FINAL, "unsuccessful": UNSUCCESSFUL}


class States(click.ParamType[tuple[str, ...]]):
    """A state, or several by a short word."""

    name = "state"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The states; capitals do not matter."""
        if isinstance(value, tuple):
            return value
        known = {state.lower(): (state,) for state in _ALL if state} | _SHORT
        if value.lower() not in known:
            words = ", ".join([*_SHORT, *(state for state in _ALL if state)])
            self.fail(f"{value!r} is no state: write one of {words}.", param, ctx)
        return known[value.lower()]

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The states and the short words."""
        del ctx, param
        words = [*_SHORT, *(state for state in _ALL if state)]
        fitting = [word for word in words if word.lower().startswith(incomplete.lower())]
        return [CompletionItem(word) for word in fitting]


class Choice(NamedTuple):
    """What runs have to be like; what is empty does not matter.

    Attributes:
        states: They are in one of them.
        reasons: They have one of them.
        deployments: They are of one of them.
        tags: They have all of them.
        since: They were created then or later.
        before: They were created before.
        pattern: As the shell's, for their names.
    """

    states: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    deployments: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    since: datetime | None = None
    before: datetime | None = None
    pattern: str | None = None

    def fits(self, run: Run) -> bool:
        """Whether a run is like that."""
        return (
            (not self.states or run.state in self.states)
            and (not self.reasons or (run.status.reason or "").lower() in self.reasons)
            and (not self.deployments or run.deployment in self.deployments)
            and self.tags <= set(run.tags)
            and (self.since is None or run.created >= self.since)
            and (self.before is None or run.created < self.before)
            and (self.pattern is None or fnmatchcase(run.name, self.pattern))
        )

    def fields(self) -> str:
        """The field selector that lets the API server leave out most of the others."""
        selected = []
        if len(self.states) == 1:
            selected += [f"status.state={state}" for state in self.states]
        elif self.states:
            selected += [f"status.state!={state}" for state in _ALL if state not in self.states]
        if len(self.deployments) == 1:
            selected += [f"spec.deploymentRef.name={name}" for name in self.deployments]
        return ",".join(selected)


def chosen_runs(cluster: Cluster, choice: Choice, *, everywhere: bool = False) -> Iterator[Run]:
    """The runs that are like that."""
    from millstream._cluster.kinds import FLOW_RUNS  # noqa: PLC0415 - slow to import
    from millstream._cluster.runs import Run  # noqa: PLC0415

    for body in cluster.list(FLOW_RUNS, everywhere=everywhere, fields=choice.fields()):
        run = Run.of(body)
        if choice.fits(run):
            yield run


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose runs; it takes them together as `choice`."""

    @wraps(command)
    def wrapped(
        *arguments: Any,
        states: Iterable[tuple[str, ...]],
        reasons: Iterable[str],
        deployments: Iterable[str],
        tags: Iterable[str],
        since: datetime | None,
        before: datetime | None,
        pattern: str | None,
        **options: Any,
    ) -> Any:
        choice = Choice(
            frozenset(state for several in states for state in several),
            frozenset(reason.lower() for reason in reasons),
            frozenset(deployments),
            frozenset(tags),
            since,
            before,
            pattern,
        )
        return command(*arguments, choice=choice, **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_OPTIONS = (
    click.option(
        "--state",
        "states",
        metavar="STATE",
        type=States(),
        multiple=True,
        help="Runs in this state; or live, final, or unsuccessful (Failed, TimedOut, Crashed). May be repeated.",
    ),
    click.option(
        "--reason", "reasons", metavar="REASON", multiple=True, help="Runs with this reason. May be repeated."
    ),
    click.option(
        "--deployment",
        "deployments",
        metavar="NAME",
        type=ObjectName("flowdeployment", takes_flow=True),
        multiple=True,
        shell_complete=complete_names("flowdeployments"),
        help="Runs of this deployment. May be repeated.",
    ),
    click.option(
        "--tag",
        "tags",
        metavar="TAG",
        multiple=True,
        help="Runs with all these tags of their own. May be repeated.",
    ),
    click.option(
        "--since", type=Moment(), help="Runs created since then: 30m, 12h, 1d, or 2026-01-31T08:00."
    ),
    click.option("--before", type=Moment(), help="Runs created before then, written in the same way."),
    click.option("--name", "pattern", metavar="PATTERN", help="Runs with such a name, as 'report-*'."),
)

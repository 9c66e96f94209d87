"""How runs of the cluster are shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from millstream import _surroundings
from millstream.cli._output import Column, show_fields, show_table
from millstream.cli._schema_words import NOT_SHOWN
from millstream.cli._terminal import harmless
from millstream.cli._times import ago, duration, local
from millstream.cli._timings import running, starting, timings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from millstream._cluster.cluster import Object
    from millstream._cluster.runs import Run
    from millstream.resources.flow_run import Attempt

_MOST_LINES = 10
_PHASES = {
    "queued": "queued",
    "starting": "starting",
    "running": "running",
    "between": "between attempts",
    "paused": "paused",
}


def ran(run: Run) -> str:
    """How long a run took since its flow first ran."""
    if run.status.start_time is None:
        return ""
    return duration(((run.status.completion_time or _now()) - run.status.start_time).total_seconds())


RUNS: tuple[Column[Run], ...] = (
    Column("name", lambda run: run.name, is_kept=True),
    Column("deployment", lambda run: run.deployment),
    Column("state", lambda run: run.state, is_state=True, is_kept=True),
    Column("reason", lambda run: run.status.reason or ""),
    Column("age", lambda run: ago(run.created)),
    Column("duration", ran),
    Column("attempts", lambda run: str(run.status.attempt)),
    Column("tags", lambda run: ", ".join(run.tags), is_wide=True),
    Column("node", lambda run: (run.status.attempts and run.status.current.node) or "", is_wide=True),
    Column("message", lambda run: run.status.message, is_wide=True),
)


def _seen(event: Object) -> str:
    times: Iterable[str | None] = (event.get(name) for name in ("lastTimestamp", "eventTime"))
    time = next(filter(None, times), event["metadata"]["creationTimestamp"])
    return f"{ago(datetime.fromisoformat(time))} ago"


_ATTEMPTS: tuple[Column[Attempt], ...] = (
    Column("attempt", lambda attempt: str(attempt.number)),
    Column("reason", lambda attempt: attempt.reason or ""),
    Column("began", lambda attempt: f"{ago(attempt.start_time or attempt.creation_time)} ago"),
    Column("starting", lambda attempt: duration(starting(attempt, _now()))),
    Column("running", lambda attempt: _spent(running(attempt, _now()))),
    Column("exit code", lambda attempt: "" if attempt.exit_code is None else str(attempt.exit_code)),
    Column("pod", lambda attempt: attempt.pod or "", is_kept=True),
    Column("node", lambda attempt: attempt.node or ""),
)
_WARNINGS: tuple[Column[Object], ...] = (
    Column("warning", lambda event: str(event.get("reason", ""))),
    Column("last seen", _seen),
    Column("about", lambda event: f"{event['involvedObject']['kind']}/{event['involvedObject']['name']}"),
    Column("message", lambda event: str(event.get("message", "")), is_prose=True),
)


def print_run(run: Run, warnings: Sequence[Object], secrets: AbstractSet[str]) -> None:
    """Print all that is known of a run, for people.

    Args:
        run: The run.
        warnings: Events about it.
        secrets: The names of parameters whose values are not shown.
    """
    status = run.status
    show_fields(
        [
            ("Name", run.name),
            ("Namespace", run.namespace),
            ("Deployment", run.deployment),
            ("State", " ".join(filter(None, [run.state or "not seen by an operator yet", status.reason]))),
            ("Message", status.message),
            ("Created", local(run.created)),
            ("Due", local(run.due) if "scheduledTime" in run.spec else ""),
            ("Started", local(status.start_time)),
            ("Ended", local(status.completion_time)),
            ("Next attempt", "" if run.is_final else local(status.next_attempt_time)),
            ("Timings", _phases(run)),
            ("Tags", ", ".join(run.tags)),
            ("Tasks", ", ".join(f"{number} {state}" for state, number in status.tasks.items())),
            *(
                (f"Parameter {name}", NOT_SHOWN if name in secrets else json.dumps(value, ensure_ascii=False))
                for name, value in run.spec.get("parameters", {}).items()
            ),
            ("Result", _result(run)),
        ]
    )
    if status.attempts:
        click.echo()
        show_table(_ATTEMPTS, status.attempts)
    for attempt in status.attempts:
        _print_end(run, attempt)
    if warnings:
        told = " ".join([status.message, *(attempt.message for attempt in status.attempts)])
        click.echo()
        show_table(_WARNINGS, [_without_words(event, told) for event in warnings])


def _result(run: Run) -> str:
    if run.status.result is not None:
        return json.dumps(run.status.result, ensure_ascii=False)
    return f"millstream result {run.name}" if run.status.result_storage and run.state == "Completed" else ""


def _without_words(event: Object, told: str) -> Object:
    """An event that does not say again what was told before."""
    said = event.get("message", "")
    return {**event, "message": "as above"} if said and said in told else event


def _print_end(run: Run, attempt: Attempt) -> None:
    """What an attempt that went wrong said at its end, or what its reason means, if the run does not say it as well."""
    hint = "" if attempt.reason is None else attempt.reason.advice(run.name, run.namespace)
    said = attempt.message or hint
    said = "" if said in run.status.message else said
    kept = attempt.log_tail.splitlines()[-_MOST_LINES:]
    if said or kept:
        click.echo(f"\nAttempt {attempt.number}: {harmless(said) or 'its last lines:'}")
    for line in kept:
        click.echo(f"  {harmless(line)}")


def _phases(run: Run) -> str:
    spent = timings(run, _now())._asdict()
    return ", ".join(
        f"{words} {duration(spent[name])}" for name, words in _PHASES.items() if spent[name] is not None
    )


def _spent(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _now() -> datetime:
    return datetime.fromtimestamp(_surroundings.current.time(), UTC)

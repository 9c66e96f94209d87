"""Following a run of the cluster to its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

from millstream._cluster.following import follow
from millstream._cluster.kinds import FLOW_RUNS
from millstream._cluster.run_logs import LogNote, RunLog
from millstream._cluster.runs import Run
from millstream.cli._errors import FAILED, INTERRUPTED
from millstream.cli._interleaving import interleaved
from millstream.cli._log_lines import print_said, print_state
from millstream.cli._progress import at_the_bottom
from millstream.cli._times import duration
from millstream.exceptions import ClusterForbidden, ObjectNotFound
from millstream.resources.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.log_positions import LogLine


def watch_to_end(cluster: Cluster, body: Object) -> NoReturn:
    """Print what a run prints, and on stderr its states as they change; leave with 0 if it completed, else with 1."""
    latest = [Run.of(body)]
    try:
        with at_the_bottom(lambda seconds: _line(latest[0], seconds)):
            for said in interleaved(_states(cluster, latest[0]), _log(cluster, latest[0])):
                if not isinstance(said, Run):
                    print_said(said)
                    continue
                latest[0] = said
                if not said.is_final:
                    print_state(said)
    except KeyboardInterrupt:
        name, namespace = latest[0].name, latest[0].namespace
        click.echo(
            f"\nNot watched any more: {name} goes on. Watch its log again by `millstream run logs -f {name} -n "
            f"{namespace}`, end it by `millstream run cancel {name} -n {namespace}`.",
            err=True,
        )
        sys.exit(INTERRUPTED)
    if not latest[0].is_final:
        raise ObjectNotFound(f"{latest[0].name} was deleted before it had ended.")
    print_state(latest[0])  # after the last line of its log
    sys.exit(0 if latest[0].status.state is RunState.COMPLETED else FAILED)


def end_of(cluster: Cluster, run: Run) -> Run:
    """Wait until a run has ended.

    Raises:
        ObjectNotFound: It is deleted before.
    """
    for latest in _states(cluster, run):
        run = latest
    if not run.is_final:
        raise ObjectNotFound(f"{run.name} was deleted before it had ended.")
    return run


def _states(cluster: Cluster, run: Run) -> Iterator[Run]:
    """The run whenever its state or the reason for it has changed, until it has ended or is deleted."""
    told = None
    for body in follow(cluster, FLOW_RUNS, run.name, namespace=run.namespace):
        if body["metadata"]["uid"] != run.uid:
            return
        latest = Run.of(body)
        facts = (latest.state, latest.status.reason, latest.status.attempt)
        if facts != told and latest.state:
            yield latest
        told = facts
        if latest.is_final:
            return


def _log(cluster: Cluster, run: Run) -> Iterator[LogLine | LogNote]:
    try:
        yield from RunLog(cluster, run, is_followed=True).all()
    except ClusterForbidden as error:
        yield LogNote(f"Its log is not shown. {error}")


def _line(run: Run, seconds: float) -> str:
    return f"{run.name}: {run.state or 'created'}, watched for {duration(seconds)}. Ctrl-C leaves it running."

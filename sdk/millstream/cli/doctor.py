"""`millstream doctor`: what is wrong, and what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._errors import FAILED

if TYPE_CHECKING:
    from millstream._cluster.connection import Place
    from millstream.cli._doctor.finding import Finding

_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command("doctor")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Show the findings as a document.")
@cluster_options
def command(*, output: str | None, place: Place) -> None:
    """Say what is wrong with this machine and the cluster, and what to do.

    Nothing is changed. It looks at versions, settings, clocks, the operator, and of a namespace at your rights, the
    deployments that are not ready, and the runs that do not start or end. The exit code is 1 if there is a problem.

    \b
    Examples:
      millstream doctor
      millstream doctor -n team-a
      millstream doctor -o json | jq -r '.[] | select(.level == "problem") | .message'
    """
    from millstream.cli._doctor.checks import findings  # noqa: PLC0415 - all of these are slow to import
    from millstream.cli._doctor.facts import look_at_cluster, look_at_this_machine  # noqa: PLC0415
    from millstream.cli._doctor.finding import Level  # noqa: PLC0415
    from millstream.cli._output import show_document  # noqa: PLC0415

    found = findings(look_at_this_machine(), look_at_cluster(place))
    if output is None:
        for finding in found:
            _show(finding)
    else:
        show_document([{**finding._asdict(), "level": str(finding.level)} for finding in found], output)
    if any(finding.level is Level.PROBLEM for finding in found):
        sys.exit(FAILED)


def _show(finding: Finding) -> None:
    from millstream.cli._output import is_terminal  # noqa: PLC0415 - as above

    level = f"{finding.level:<7}"
    shown = click.style(level, fg=_STYLES[finding.level]) if is_terminal() else level
    click.echo(f"{shown}   {finding.check:<11}   {_one_line(finding.message)}")
    # A message of the operator's has the advice already.
    if finding.advice and finding.level != "ok" and finding.advice not in finding.message:
        click.echo(f"{'':<24}{_one_line(finding.advice)}")


def _one_line(text: str) -> str:
    from millstream.cli._terminal import harmless  # noqa: PLC0415 - as above

    return harmless(" ".join(text.split()))

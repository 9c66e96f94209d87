"""What can be said of a deployment on the command line."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from millstream.cli._parameters import given_parameters, parameter_options, split
from millstream.cli._texts import Text
from millstream.cli._times import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPTIONS = (
    click.option("--name", type=Text(), help="What to call the deployment; by default as the flow."),
    click.option("--image", help="An image that has the code; without one the flow's files travel along."),
    click.option(
        "--cron", metavar="EXPRESSION", multiple=True, help="When it is to run, as '0 6 * * MON-FRI'."
    ),
    click.option(
        "--interval", metavar="DURATION", type=Span(), multiple=True, help="How often it is to run, as 15m."
    ),
    click.option("--rrule", metavar="RULE", multiple=True, help="When it is to run, as a recurrence rule."),
    click.option(
        "--timezone", metavar="ZONE", help="Of --cron and --rrule, as Europe/Berlin; UTC if not given."
    ),
    parameter_options,
    click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag of its runs."),
    click.option("--description", help="What it is for; by default the flow's docstring."),
    click.option("--version", help="Free text; by default the flow's version."),
    click.option(
        "--retries", type=click.IntRange(0), help="New attempts, in new pods, after the code failed."
    ),
    click.option(
        "--run-timeout", metavar="DURATION", type=Span(), help="How long an attempt may run, as 2h."
    ),
    click.option("--concurrency-limit", type=click.IntRange(1), help="How many runs may be live at once."),
    click.option("--cpu", metavar="QUANTITY", help="CPU to reserve for a run, as 500m or 2."),
    click.option(
        "--memory", metavar="QUANTITY", help="Memory to reserve for a run, which is its limit, as 1Gi."
    ),
    click.option("--env", metavar="NAME=VALUE", multiple=True, help="An environment variable."),
    click.option(
        "--api-access",
        type=click.Choice(["none", "read", "trigger"]),
        help="What the flow may do with the runs of its namespace.",
    ),
    click.option("--storage", metavar="URL", help="Where results go, as s3://bucket/folder."),
    click.option("--storage-secret", metavar="NAME", help="The Secret with the credentials for --storage."),
    click.option("--suspend", is_flag=True, default=None, help="Pause its schedules."),
    click.option(
        "--requirements", metavar="FILE", help="Packages to install; by default those in the flow's file."
    ),
    click.option(
        "--include", metavar="PATTERN", multiple=True, help="More files that travel along, as 'sql/*.sql'."
    ),
)


def deploy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a deployment; it takes them together as `said`, fields of `Wanted`."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        given = {name: options.pop(name) for name in _NAMES}
        return command(*arguments, said=_wanted(given), **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_NAMES = (
    *(
        "name",
        "image",
        "cron",
        "interval",
        "rrule",
        "timezone",
        "pairs",
        "document",
        "file",
        "tags",
        "description",
    ),
    *(
        "version",
        "retries",
        "run_timeout",
        "concurrency_limit",
        "cpu",
        "memory",
        "env",
        "api_access",
        "storage",
    ),
    *("storage_secret", "suspend", "requirements", "include"),
)


def _wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {name: given[name] for name in ("name", "requirements", "include") if given[name]}
    if spec := _spec(given):
        said["spec"] = spec
    of_parameters = {name: given[name] for name in ("pairs", "document", "file")}
    if any(of_parameters.values()):
        said["parameters"] = lambda schema: given_parameters(schema, **of_parameters)
    return said


def _spec(given: Mapping[str, Any]) -> dict[str, Any]:
    access = given["api_access"]
    requests = _said(cpu=given["cpu"], memory=given["memory"])
    resources = _said(requests=requests, limits=_said(memory=given["memory"]))
    variables = [{"name": name, "value": value} for name, value in split(given["env"]).items()]
    return _said(
        image=given["image"],
        description=given["description"],
        version=given["version"],
        tags=list(given["tags"]),
        suspend=given["suspend"],
        schedules=_schedules(given),
        retryPolicy=_said(failures=given["retries"]),
        timeouts=_said(runSeconds=given["run_timeout"]),
        concurrency=_said(limit=given["concurrency_limit"]),
        apiAccess=access and access.capitalize(),
        storage=_said(url=given["storage"], secretName=given["storage_secret"]),
        pod=_said(resources=resources, env=variables),
    )


def _schedules(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    zone = _said(timeZone=given["timezone"])
    if zone and not (given["cron"] or given["rrule"]):
        raise click.UsageError("--timezone goes with --cron or --rrule.")
    return [
        *({"cron": text, **zone} for text in given["cron"]),
        *({"interval": seconds} for seconds in given["interval"]),
        *({"rrule": text, **zone} for text in given["rrule"]),
    ]


def _said(**fields: Any) -> dict[str, Any]:
    """Those fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}

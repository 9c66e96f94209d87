"""The options of deployments and of `serve`, checked before anything is scheduled: all problems at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millstream._callables import check_name
from millstream.exceptions import DeploymentError, InvalidNameError
from millstream.serving._deployment import Deployment, DeploymentOptions
from millstream.serving._given_schedules import by_name, read_schedules

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIMIT = 5
_IN_CLUSTER = "use `millstream deploy`, which brings flows into a cluster (docs/deploy.md)"
_INSTEAD = {
    "build": _IN_CLUSTER,
    "concurrency_limit": "use limit of serve, which counts the runs of all its deployments",
    "enforce_parameter_schema": "leave it out; parameters are always checked, unless the flow says "
    "validate_parameters=False",
    "entrypoint_type": "leave it out; the flow itself is sent to the processes of its runs",
    "global_limit": "use limit of serve, which counts the runs of all its deployments",
    "image": _IN_CLUSTER,
    "is_schedule_active": "use paused",
    "job_variables": _IN_CLUSTER,
    "query_seconds": "leave it out; nothing is queried",
    "triggers": "leave it out; there are no events that could trigger a run",
    "version_type": "leave it out; version is free text",
    "webserver": "leave it out; there is no server",
    "work_pool_name": _IN_CLUSTER,
    "work_queue_name": _IN_CLUSTER,
    "_sla": "leave it out; use timeout_seconds of the flow",
}
"""What to do in the place of options that Prefect has and Millstream has not."""

_KINDS = {"description": (str, "text"), "version": (str, "text"), "paused": (bool, "True or False")}


@dataclass(frozen=True, slots=True)
class Serving:
    """What is to be served."""

    deployments: tuple[Deployment, ...]
    limit: int
    print_starting_message: bool


def checked(name: object, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a deployment; its schedules are read.

    Raises:
        DeploymentError: Naming all that are wrong.
    """
    given = {option: value for option, value in options.items() if value is not None}
    problems = [*_name_problems(name), *_unknown(given, DeploymentOptions.__optional_keys__, "it")]
    for option, (kind, takes) in _KINDS.items():
        if option in given and not isinstance(given[option], kind):
            problems.append(f"{option} is {takes}, not {given[option]!r}")
    parameters = given.get("parameters", {})
    if not by_name(parameters):
        problems.append(
            f'parameters are values by name, as {{"site": "news"}}, not a {type(parameters).__name__}'
        )
        parameters = {}
    tags = given.get("tags", ())
    listed = list(tags) if isinstance(tags, Iterable) and not isinstance(tags, str) else [None]
    if not all(isinstance(tag, str) for tag in listed):
        problems.append(f'tags are a list of texts, as ["nightly"], not {tags!r}')
    schedules, wrong = read_schedules(given)
    refuse([_sentence(f"Deployment {name!r}: {problem}") for problem in (*problems, *wrong)])
    return {**given, "schedules": tuple(schedules), "parameters": dict(parameters), "tags": tuple(listed)}


def serving(
    deployments: Sequence[object],
    limit: object,
    print_starting_message: bool,  # noqa: FBT001 - an option's value, passed on
    pause_on_shutdown: bool,  # noqa: FBT001
    others: dict[str, Any],
) -> Serving:
    """What is to be served.

    Raises:
        DeploymentError: Naming all that cannot be served.
    """
    problems = [_sentence(each) for each in _unknown(others, {"limit", "print_starting_message"}, "serve")]
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        problems.append(f"limit is how many runs there may be at once, a whole number from 1, not {limit!r}.")
    if not pause_on_shutdown:
        problems.append(
            "pause_on_shutdown=False cannot be: when this process has ended, nothing starts runs any more."
        )
    good = [each for each in deployments if isinstance(each, Deployment)]
    problems += [
        f"serve takes deployments, as my_flow.to_deployment('nightly', cron='0 6 * * *'), not {each!r}."
        for each in deployments
        if not isinstance(each, Deployment)
    ]
    if not deployments:
        problems.append("serve takes one or more deployments: give it my_flow.to_deployment('nightly', ...).")
    problems += [
        f"{times} deployments have the name {name!r}: give each a name of its own."
        for name, times in Counter(each.name for each in good).items()
        if times > 1
    ]
    problems += [_nothing_to_do(each) for each in good if not each.schedules]
    for each in good:
        problems += _parameter_problems(each)
    refuse(problems)
    return Serving(tuple(good), limit if isinstance(limit, int) else _LIMIT, print_starting_message)


def refuse(problems: Sequence[str]) -> None:
    """Raise what is wrong, if something is.

    Raises:
        DeploymentError: Something is.
    """
    if len(problems) == 1:
        raise DeploymentError(problems[0])
    if problems:
        raise DeploymentError("\n  ".join(["This cannot be served:", *problems]))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _name_problems(name: object) -> list[str]:
    try:
        check_name(name, "deployment")
    except (InvalidNameError, TypeError) as error:
        return [str(error).rstrip(".")]
    return []


def _unknown(given: Mapping[str, Any], known: frozenset[str] | set[str], what: str) -> list[str]:
    import difflib  # noqa: PLC0415 - for the error alone

    problems = []
    for option in given:
        if option in known:
            continue
        close = difflib.get_close_matches(option, known, n=1)
        guess = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}"
        problems.append(f"{what} has no option {option} ({_INSTEAD.get(option, guess)})")
    return problems


def _nothing_to_do(deployment: Deployment) -> str:
    return (
        f"Deployment {deployment.name!r} has no schedule, and there is no server that could ask for a run: give it "
        "interval=, cron=, rrule= or schedules=, or call the flow to run it now."
    )


def _parameter_problems(deployment: Deployment) -> list[str]:
    problems = {}
    for schedule in deployment.schedules:
        try:
            deployment.flow.validate_parameters({**deployment.parameters, **schedule.parameters})
        except Exception as error:  # noqa: BLE001 - a validator of the flow's own may raise anything
            own = f", schedule {schedule.slug or schedule!r}" if schedule.parameters else ""
            problems[str(error)] = f"Deployment {deployment.name!r}{own}: {error}"
    return list(problems.values())

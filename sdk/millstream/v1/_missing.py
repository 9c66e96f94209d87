"""Names and options of Prefect 1 that are not here, and what to use in their place. docs/prefect.toml has the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

NAMES = {
    "PAUSE": "use spec.suspend of the FlowRun (docs/runs.md)",
    "Paused": "use spec.suspend of the FlowRun (docs/runs.md)",
    "Resume": "use spec.suspend of the FlowRun (docs/runs.md)",
    "manual_only": "use spec.suspend of the FlowRun (docs/runs.md)",
    "Client": "use a FlowDeployment (docs/v1.md)",
    "RRuleSchedule": "use CronSchedule, or rrule of a FlowDeployment's schedules (docs/schedules.md)",
    "RRuleClock": "use CronClock, or rrule of a FlowDeployment's schedules (docs/schedules.md)",
    "resource_manager": "use a task with try and finally, or a @flow",
    "apply_map": "use map for each task",
    "DateTimeParameter": "use Parameter, and datetime.fromisoformat in a task",
    "never_use": "leave it out, and cache_for with it",
    "run_configs": "leave it out; the FlowDeployment says where runs run",
    "storage": "leave it out; the FlowDeployment says where the code is",
    "adjustments": "use the clocks' own times",
}

MODULES = {
    "run_configs": NAMES["run_configs"],
    "storage": NAMES["storage"],
    "tasks": "use a function with @task",
    "utilities.notifications": "use a state handler of your own, or notify of a @flow (docs/notifications.md)",
}

TASK_OPTIONS = {
    "checkpoint": "leave it out; with cache_for results are kept",
    "result": "leave it out; with cache_for results are kept, where the settings say",
    "target": "use cache_for and cache_key",
    "result_handler": "leave it out; with cache_for results are kept",
}

FLOW_OPTIONS = {
    "run_config": "leave it out; the FlowDeployment says where runs run",
    "storage": "leave it out; the FlowDeployment says where the code is",
    "environment": "leave it out; the FlowDeployment says where runs run",
    "result": "use cache_for of the tasks",
    "result_handler": "use cache_for of the tasks",
}

RUN_OPTIONS = {
    "runner_cls": "leave it out; there is one engine",
    "task_states": "leave it out; a run begins at its beginning",
    "return_tasks": "leave it out; the state of every task is returned",
    "state": "leave it out; a run begins at its beginning",
    "task_contexts": "use context=",
    "flow_run_id": "leave it out",
    "flow_run_name": "leave it out",
}

VISUALIZE_OPTIONS = {
    "filename": "use its dot or mermaid, which are texts",
    "format": "use its dot, which Graphviz takes",
    "horizontal": "use its dot, which Graphviz takes",
    "flow_state": "use print(flow.run().result)",
}

METHODS = {
    "register": "use a FlowDeployment (docs/v1.md)",
    "run_agent": "use a FlowDeployment (docs/v1.md)",
    "save": "use an entrypoint, which names the file itself (docs/v1.md)",
    "load": "use an entrypoint, which names the file itself (docs/v1.md)",
    "serialize": "use pickle of what you need",
    "update": "use one flow for all tasks",
    "replace": "use the other task in the block",
    "diagnostics": "use print(flow.visualize())",
}


def missing(module: str, name: str) -> ImportError | AttributeError:
    """The exception for a name that a module has not; for Prefect's names it survives a `from` import."""
    if name in NAMES:
        return ImportError(f"{module} has no {name}: {NAMES[name]}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}")


def check_options(
    given: Collection[str], known: Collection[str], instead: dict[str, str], owner: str
) -> None:
    """Refuse options that there are not, with what to do in their place.

    Raises:
        TypeError: There are such options.
    """
    unknown = sorted(set(given) - set(known))
    if not unknown:
        return
    import difflib  # noqa: PLC0415 - for the error alone

    problems = []
    for option in unknown:
        close = difflib.get_close_matches(option, known, n=1)
        cure = instead.get(option) or (f"did you mean {close[0]!r}?" if close else "")
        problems.append(f"{option!r}" + (f" ({cure})" if cure else ""))
    has = f" It has: {', '.join(sorted(known))}." if known else ""
    raise TypeError(f"{owner} has no option {', '.join(problems)}.{has}")


def check_kind(option: str, value: Any, kinds: type | tuple[type, ...], takes: str) -> None:
    """Refuse a value of a wrong type; None stands for the default.

    Raises:
        TypeError: It is.
    """
    if value is None or (isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool))):
        return
    raise TypeError(f"{option} is {takes}, and got {value!r}.")

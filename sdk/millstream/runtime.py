"""Facts about the current run, in a form that may be asked outside of runs as well.

Tests can state a fact in the environment, `MILLSTREAM__RUNTIME__FLOW_RUN__NAME=x` for instance: `TASK_RUN` and
`DEPLOYMENT` are the other two. Tags have commas between, parameters are JSON, times ISO 8601.

Usage:
    ```python
    from millstream.runtime import flow_run

    print(flow_run.name)  # None outside of a flow
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._facts import Fact, Facts, fact, items, mapping, moment, text, unknown
from millstream.context import FlowRunContext, TaskRunContext

if TYPE_CHECKING:
    from datetime import datetime

    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.task_runs import TaskRun

__all__ = ["deployment", "flow_run", "task_run"]


class FlowRunFacts(Facts):
    """The innermost flow run; None, 0 or empty outside of flows."""

    __slots__ = ()
    _subject = "FLOW_RUN"

    @fact(text)
    def id(self) -> str | None:
        """Its id."""
        return run.id if (run := _flow_run()) else None

    @fact(text)
    def name(self) -> str | None:
        """Its name."""
        return run.name if (run := _flow_run()) else None

    @fact(text)
    def flow_name(self) -> str | None:
        """The flow's name."""
        return run.flow.name if (run := _flow_run()) else None

    @fact(text)
    def flow_version(self) -> str | None:
        """The flow's version."""
        return run.flow.version if (run := _flow_run()) else None

    @fact(mapping)
    def parameters(self) -> dict[str, Any]:
        """What the flow was called with, by parameter."""
        return run.parameters if (run := _flow_run()) else {}

    @fact(items)
    def tags(self) -> list[str]:
        """The run's tags."""
        return sorted(run.tags) if (run := _flow_run()) else []

    @fact(int)
    def run_count(self) -> int:
        """Which attempt this is."""
        return run.run_count if (run := _flow_run()) else 0

    @fact(moment)
    def scheduled_start_time(self) -> datetime | None:
        """When the run was due; when it began, if it was not scheduled."""
        return (run.scheduled_start_time or run.start_time) if (run := _flow_run()) else None

    @fact(text)
    def parent_flow_run_id(self) -> str | None:
        """The id of the flow run that called this one."""
        parent = _caller(run) if (run := _flow_run()) else None
        return parent.id if parent else None

    @fact(text)
    def root_flow_run_id(self) -> str | None:
        """The id of the flow run at the beginning of the calls; its own if nothing called it."""
        return root.id if (root := _root_flow_run()) else None

    parent_deployment_id = Fact[str | None](unknown, text)
    api_url = Fact[str | None](unknown, text)
    ui_url = Fact[str | None](unknown, text)
    job_variables = Fact[dict[str, Any] | None](unknown, mapping)


class TaskRunFacts(Facts):
    """The task run that the code belongs to; None, 0 or empty outside of tasks."""

    __slots__ = ()
    _subject = "TASK_RUN"

    @fact(text)
    def id(self) -> str | None:
        """Its id."""
        return run.id if (run := _task_run()) else None

    @fact(text)
    def name(self) -> str | None:
        """Its name."""
        return run.name if (run := _task_run()) else None

    @fact(text)
    def task_name(self) -> str | None:
        """The task's name."""
        return run.task.name if (run := _task_run()) else None

    @fact(mapping)
    def parameters(self) -> dict[str, Any]:
        """What the task was called with, by parameter."""
        return run.parameters if (run := _task_run()) else {}

    @fact(items)
    def tags(self) -> list[str]:
        """The run's tags."""
        return sorted(run.tags) if (run := _task_run()) else []

    @fact(int)
    def run_count(self) -> int:
        """Which attempt this is."""
        return run.run_count if (run := _task_run()) else 0

    api_url = Fact[str | None](unknown, text)
    ui_url = Fact[str | None](unknown, text)


class DeploymentFacts(Facts):
    """The deployment that the run is of; None or empty where there is none."""

    __slots__ = ()
    _subject = "DEPLOYMENT"

    id = Fact[str | None](unknown, text)
    version = Fact[str | None](unknown, text)

    @fact(text)
    def name(self) -> str | None:
        """Its name."""
        return root.deployment if (root := _root_flow_run()) else None

    @fact(text)
    def flow_run_id(self) -> str | None:
        """The id of the flow run that it made."""
        root = _root_flow_run()
        return root.id if root is not None and root.deployment is not None else None

    @fact(mapping)
    def parameters(self) -> dict[str, Any]:
        """What the flow run that it made was called with, by parameter."""
        root = _root_flow_run()
        return root.parameters if root is not None and root.deployment is not None else {}


def _root_flow_run() -> FlowRun | None:
    root = _flow_run()
    while root is not None and (caller := _caller(root)) is not None:
        root = caller
    return root


def _flow_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return None if context is None else context.flow_run


def _task_run() -> TaskRun | None:
    context = TaskRunContext.get()
    return None if context is None else context.task_run


def _caller(run: FlowRun) -> FlowRun | None:
    return None if run.parent is None else run.parent.flow_run


flow_run = FlowRunFacts()
task_run = TaskRunFacts()
deployment = DeploymentFacts()

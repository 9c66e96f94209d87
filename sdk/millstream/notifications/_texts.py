"""What a notification says unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def default_subject(seen: Mapping[str, Any]) -> str:
    """Which run is in which state."""
    run, kind, of = _subject_of(seen)
    return f"{kind} run {run.name!r} of {of.name!r}: {seen['state'].name}"


def default_body(seen: Mapping[str, Any]) -> str:
    """What happened, and what is known of the run."""
    run, kind, of = _subject_of(seen)
    state = seen["state"]
    lines = [state.message or f"The state is {state.name}.", ""]
    lines.append(f"{kind}: {of.name}")
    lines.append(f"{kind} run: {run.name} ({run.id})")
    if kind == "Task" and "flow_run" in seen:
        lines.append(f"Flow run: {seen['flow_run'].name} of {seen['flow'].name} ({seen['flow_run'].id})")
    if "deployment" in seen and seen["deployment"].name:
        lines.append(f"Deployment: {seen['deployment'].name}")
    if run.tags:
        lines.append(f"Tags: {', '.join(run.tags)}")
    if run.run_count > 1:
        lines.append(f"Attempts: {run.run_count}")
    lines.append(f"Started: {run.start_time.isoformat(' ', 'seconds')}")
    return "\n".join(lines)


def _subject_of(seen: Mapping[str, Any]) -> tuple[Any, str, Any]:
    if "task_run" in seen:
        return seen["task_run"], "Task", seen["task"]
    return seen["flow_run"], "Flow", seen["flow"]

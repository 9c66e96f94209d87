"""Names that are derived: deterministic, so that repeating an action finds what it made before."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = [
    "CONTAINER",
    "MAX_RUN_NAME",
    "is_label",
    "is_name",
    "job_name",
    "object_name",
    "revision_name",
    "scheduled_run_name",
]

CONTAINER = "flow"
"""The container of a run pod in which the flow runs."""

MAX_RUN_NAME = 52
"""Characters in the name of a FlowRun or FlowDeployment: a Job's name has 63, and an attempt's suffix needs 11."""

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_MAX_LABEL = 63
_MAX_NAME = 253
_REVISION_DIGITS = 10
_DEPLOYMENT_CHARACTERS = 30
_SECONDS_BEYOND_NAMES = 10**10
_TICK_DIGITS = 10


def is_label(text: str) -> bool:
    """Whether a namespace can be called so, as Kubernetes has it."""
    return len(text) <= _MAX_LABEL and re.fullmatch(_LABEL, text) is not None


def is_name(text: str) -> bool:
    """Whether an object can be called so, which may have dots."""
    return len(text) <= _MAX_NAME and re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", text) is not None


def object_name(text: str) -> str:
    """A name for a FlowDeployment, from what people call something as they like."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:MAX_RUN_NAME].strip("-")
    return name if name[:1].isalpha() else f"flows-{name}"[:MAX_RUN_NAME].strip("-")


def job_name(run: str, attempt: int) -> str:
    """Name the Job of an attempt (counted from 1) of a run."""
    return f"{run}-{attempt}"


def revision_name(deployment: str, template: Mapping[str, Any]) -> str:
    """Name the ControllerRevision that holds `template`, the part of a deployment that its runs use.

    Equal templates of a deployment give equal names, so all their runs share one revision.
    """
    canonical = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return f"{deployment}-{hashlib.sha256(canonical.encode()).hexdigest()[:_REVISION_DIGITS]}"


def scheduled_run_name(deployment: str, schedule: str, tick: datetime) -> str:
    """Name the run of a tick, to the second, of one of a deployment's schedules; at most `MAX_RUN_NAME` characters.

    Whoever finds the tick due gives the same name, so it is run once.

    Raises:
        ValueError: `tick` has no zone, or is of before 1970 or after 2286, where its seconds need another digit.
    """
    if tick.utcoffset() is None or not 0 <= tick.timestamp() < _SECONDS_BEYOND_NAMES:
        raise ValueError(f"a tick has a zone and is of the years 1970 to 2286, unlike {tick.isoformat()}")
    seconds = int(tick.timestamp())
    digest = hashlib.sha256(f"{deployment}\0{schedule}\0{seconds}".encode()).hexdigest()[:_TICK_DIGITS]
    return f"{deployment[:_DEPLOYMENT_CHARACTERS].rstrip('-')}-{seconds}-{digest}"

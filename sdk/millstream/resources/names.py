"""Names that are derived: deterministic, so that repeating an action finds what it made before."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["CONTAINER", "MAX_RUN_NAME", "job_name", "revision_name"]

CONTAINER = "flow"
"""The container of a run pod in which the flow runs."""

MAX_RUN_NAME = 52
"""Characters in the name of a FlowRun or FlowDeployment: a Job's name has 63, and an attempt's suffix needs 11."""

_REVISION_DIGITS = 10


def job_name(run: str, attempt: int) -> str:
    """Name the Job of an attempt (counted from 1) of a run."""
    return f"{run}-{attempt}"


def revision_name(deployment: str, template: Mapping[str, Any]) -> str:
    """Name the ControllerRevision that holds `template`, the part of a deployment that its runs use.

    Equal templates of a deployment give equal names, so all their runs share one revision.
    """
    canonical = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return f"{deployment}-{hashlib.sha256(canonical.encode()).hexdigest()[:_REVISION_DIGITS]}"


def scheduled_run_name(deployment, schedule, tick):
    d=hashlib.sha256(f"{deployment}\0{schedule}\0{tick.timestamp():.0f}".encode()).hexdigest()[:6]
    return f"{deployment[:34]}-{tick.timestamp():.0f}-{d}"

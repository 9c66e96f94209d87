"""Conditions for tools that know nothing of our kinds: kstatus reads them, and with it Flux and `helm --wait`.

Both are there while they are True only, as Kubernetes' conventions have it for what is out of the ordinary.
"""

from millstream.resources.model import Condition, with_condition
from millstream.resources.states import RunState

__all__ = ["of_deployment", "of_run"]

_RECONCILING = "Reconciling"
_STALLED = "Stalled"


def of_deployment(conditions: list[Condition], ready: Condition) -> list[Condition]:
    """Set Ready, and beside it Stalled while somebody has to mend the deployment."""
    return _with(conditions, ready, _STALLED if ready.status == "False" else None)


def of_run(conditions: list[Condition], succeeded: Condition, state: RunState) -> list[Condition]:
    """Set Succeeded, and beside it Reconciling on the way to the end, or Stalled if that was not a good one."""
    if state.is_final:
        return _with(conditions, succeeded, None if state is RunState.COMPLETED else _STALLED)
    # A run that rests because it was told to is as it should be.
    return _with(conditions, succeeded, None if state is RunState.PAUSED else _RECONCILING)


def _with(conditions: list[Condition], told: Condition, kind: str | None) -> list[Condition]:
    kept = with_condition([c for c in conditions if c.type not in {_RECONCILING, _STALLED} - {kind}], told)
    return with_condition(kept, told.replace(type=kind, status="True")) if kind else kept

"""What of a query the API server itself can look for, so that fewer objects travel. Filters are still to be applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.client._custom_resources import STATES
from millstream.client.schemas.filters import Operator
from millstream.resources.states import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millstream.client._query import Query
    from millstream.client.schemas.filters import FlowRunFilterState


def field_selector(query: Query, names: Mapping[str, str]) -> str:
    """The field selector of the FlowRuns among which are all that are looked for.

    Args:
        query: What is looked for.
        names: Names of FlowRuns by their ids, as far as they are known.
    """
    terms: list[str] = []
    run, deployment = query.flow_run, query.deployment
    if run is not None and run.operator is Operator.and_:
        if (name := _only(run.name)) is not None:
            terms.append(f"metadata.name={_escaped(name)}")
        elif (uid := _only(run.id)) is not None and uid in names:
            terms.append(f"metadata.name={_escaped(names[uid])}")
        if run.state is not None and run.state.operator is Operator.and_:
            terms += _states(run.state)
    if deployment is not None and deployment.operator is Operator.and_:
        of = _only(deployment.name)
        if of is not None:
            terms.append(f"spec.deploymentRef.name={_escaped(of)}")
    return ",".join(terms)


def _only(wanted: Any) -> str | None:
    """The only value that a field may have."""
    values = None if wanted is None else wanted.any_
    return values[0] if values is not None and len(values) == 1 else None


def _states(wanted: FlowRunFilterState) -> list[str]:
    """Selectors know `=` and `!=`, and that all have to hold: so they name the states that it cannot be in."""
    possible = {state for state, told in STATES.items() if _may_be(wanted, *told)}
    if len(possible) == 1 and RunState.SCHEDULED not in possible:  # a new FlowRun has no state yet
        return [f"status.state={next(iter(possible))}"]
    return [f"status.state!={state}" for state in RunState if state not in possible]


def _may_be(wanted: FlowRunFilterState, kind: str, name: str) -> bool:
    for part, value in ((wanted.type, kind), (wanted.name, name)):
        if part is None:
            continue
        if part.any_ is not None and value not in part.any_:
            return False
        if part.not_any_ is not None and value in part.not_any_:
            return False
        if getattr(part, "is_null_", None):  # a state always has both
            return False
    return True


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace(",", r"\,").replace("=", r"\=")

"""Between two attempts: the next one begins when its waiting time is over."""

from dataclasses import replace
from datetime import timedelta

from millstream.resources.run_template import RetryPolicy
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import begin, frozen_template, revision_lost
from millstream_operator.decide.gone import release
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import Plan

__all__ = ["backoff", "retry"]


def backoff(policy: RetryPolicy, ended: int) -> timedelta:
    """Give the waiting time after the `ended`-th attempt (from 1) has ended."""
    wait = policy.backoff
    # The exponent is bounded, because a factor of 10 would make a number of hundreds of digits.
    return timedelta(seconds=min(wait.seconds * wait.factor ** min(ended - 1, 20), wait.max_seconds))


def retry(observed: ObservedRun, run: Run) -> Plan | None:
    """Begin the next attempt of a run that awaits it, when it is due."""
    if run.status.state is not RunState.AWAITING_RETRY:
        return None
    due = run.status.next_attempt_time
    if due is not None and due > observed.now:
        return Plan(release(observed.pods), due)
    template = frozen_template(observed, run)
    if template is None:
        return revision_lost(observed, run)
    plan = begin(observed, run, template)
    return replace(plan, actions=(*release(observed.pods), *plan.actions))

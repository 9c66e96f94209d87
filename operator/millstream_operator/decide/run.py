"""What to do about a run: a chain of policies, of which the first that has an answer decides."""

from collections.abc import Callable
from dataclasses import replace

from millstream_operator.decide.admission import admit
from millstream_operator.decide.cancel import cancel, total_deadline
from millstream_operator.decide.ending import end
from millstream_operator.decide.finished import tidy_finished
from millstream_operator.decide.gone import release, release_gone
from millstream_operator.decide.lost_node import overdue_times, tell_of_lost_node
from millstream_operator.decide.malformed import give_up
from millstream_operator.decide.missing_job import create_or_explain
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.pause import pause
from millstream_operator.decide.plan import Plan
from millstream_operator.decide.progress import report_progress
from millstream_operator.decide.retry import retry
from millstream_operator.decide.start_timeout import time_out_start
from millstream_operator.decide.subflow import cancel_with_parent

__all__ = ["decide_run"]

_CHAIN: tuple[Callable[[ObservedRun, Run], Plan | None], ...] = (
    tidy_finished,  # a final state never changes
    give_up,  # a status that means nothing
    cancel_with_parent,  # a subflow of a run that is cancelled
    cancel,  # to end before its flow does: cancelled, replaced, out of time
    pause,  # to rest, or about to
    admit,  # no attempt is under way: is it due, is its input valid, is a slot free?
    retry,  # between two attempts
    create_or_explain,  # an attempt without its Job
    end,  # the attempt has ended: final, or one more
    tell_of_lost_node,  # nobody can say whether the attempt still runs
    time_out_start,  # the flow's container does not start
    report_progress,  # Pending and why, or Running
)


def decide_run(observed: ObservedRun) -> Plan:
    """Decide what to do about a run."""
    plan = _first_answer(observed)
    return replace(plan, actions=(*plan.actions, *release(observed.strays))) if observed.strays else plan


def _first_answer(observed: ObservedRun) -> Plan:
    if observed.run is None or observed.run.deleting:
        return release_gone(observed)
    for policy in _CHAIN:
        if (plan := policy(observed, observed.run)) is not None:
            return _in_time(observed, observed.run, plan)
    return Plan()


def _in_time(observed: ObservedRun, run: Run, plan: Plan) -> Plan:
    """Look again when the time of the run is over, or a pod should have ended, at the latest."""
    if not run.live:
        return plan
    times = [time for time in (total_deadline(observed, run), *overdue_times(observed, run)) if time]
    first = min((time for time in times if time > observed.now), default=None)
    if first is None or (plan.requeue_at is not None and plan.requeue_at <= first):
        return plan
    return replace(plan, requeue_at=first)

import pytest
from builders import (
    NOW,
    TEMPLATE,
    after,
    make_defaults,
    make_deployment,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
    text,
)

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.observed import NodeSeen, Slots
from millstream_operator.decide.plan import (
    ConfirmJob,
    CreateJob,
    DeleteJob,
    DeletePod,
    Plan,
    ReadNode,
    ReleasePod,
    WriteRunStatus,
)

JOB = "etl-1-1"
ENDED = text(NOW)
LOST = NodeSeen(name="node-1", lost=True, time=after(100))


def plan_of(status, *, now=NOW, template=TEMPLATE, cancel=True, **world):
    spec = {"template": template} if template else {}
    return decide_run(observe(make_run(status=status, cancel=cancel, **spec), now=now, **world))


def written(plan):
    (status,) = [action.status for action in plan.actions if isinstance(action, WriteRunStatus)]
    return status


def kinds(plan):
    return [type(action) for action in plan.actions]


def closed(status):
    """Give a status whose newest attempt has ended."""
    return status.replace(attempts=[status.current.replace(completion_time=NOW)])


AT_REST = {
    "new": None,
    "scheduled": make_status(RunState.SCHEDULED, attempt=0),
    "queued": make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, attempt=0),
    "waits for its deployment": make_status(RunState.PENDING, Reason.DEPLOYMENT_NOT_FOUND, attempt=0),
    "paused": make_status(RunState.PAUSED, Reason.SUSPENDED, attempt=0, pausedTime=ENDED),
    "paused after an attempt": closed(make_status(RunState.PAUSED, Reason.SUSPENDED, pausedTime=ENDED)),
    "queued after an attempt": closed(make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT)),
    "awaits its retry": closed(make_status(RunState.AWAITING_RETRY, nextAttemptTime=text(after(60)))),
}


@pytest.mark.parametrize("case", AT_REST)
def test_what_does_not_run_is_cancelled_at_once(case):
    plan = plan_of(AT_REST[case])
    status = written(plan)
    assert kinds(plan) == [WriteRunStatus]
    assert (status.state, status.reason) == (RunState.CANCELLED, Reason.CANCEL_REQUESTED)
    assert "spec.cancel was set to true." in status.message
    assert (status.completion_time, status.next_attempt_time, status.paused_time) == (NOW, None, None)
    before = AT_REST[case]
    assert status.attempts == (before.attempts if before else [])


UNDER_WAY = {
    "pending": make_status(RunState.PENDING, Reason.WAITING_FOR_POD),
    "running": make_status(RunState.RUNNING),
    "suspended by Kueue": make_status(RunState.QUEUED, Reason.JOB_SUSPENDED),
    "being paused": make_status(RunState.PAUSED, Reason.SUSPENDED, pausedTime=ENDED),
    "on a lost node": make_status(RunState.RUNNING, Reason.NODE_LOST),
}


@pytest.mark.parametrize("case", UNDER_WAY)
@pytest.mark.parametrize("pod", [None, make_pod(), make_pod(running=True), make_pod(node=None)])
def test_an_attempt_is_stopped_first(case, pod):
    world = {"jobs": [make_job()], "pods": [pod] if pod else []}
    plan = plan_of(UNDER_WAY[case], **world)
    status = written(plan)
    assert kinds(plan) == [WriteRunStatus, DeleteJob]  # the intent before the effect
    assert (status.state, status.reason) == (RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    assert status.completion_time is None
    stopping = world | {"jobs": [make_job(deleting=True)]}
    again = plan_of(status, **stopping)
    assert (again.actions, again.requeue_at) == ((), after(10))


def test_a_job_that_was_never_made_is_asked_for():
    status = UNDER_WAY["pending"]
    assert plan_of(status).actions == (ConfirmJob(JOB),)
    plan = plan_of(status, confirmed=JOB)
    assert kinds(plan) == [WriteRunStatus]
    assert written(plan).state is RunState.CANCELLED
    assert written(plan).current.reason is Reason.CANCEL_REQUESTED
    assert written(plan).current.completion_time == NOW


def test_a_job_that_shows_up_late_is_deleted():
    status = make_status(RunState.CANCELLED, Reason.CANCEL_REQUESTED)
    assert plan_of(status, jobs=[make_job()]).actions == (DeleteJob(JOB, f"uid-{JOB}"),)


LEFT = {
    "the Job": {"jobs": [make_job(deleting=True)]},
    "the pod": {"pods": [make_pod(running=True, deleting=True)]},
    "both": {"jobs": [make_job(deleting=True)], "pods": [make_pod(running=True, deleting=True)]},
    "a pod that ended": {"jobs": [make_job(deleting=True)], "pods": [make_pod(exit_code=137, held=False)]},
}


@pytest.mark.parametrize("case", LEFT)
@pytest.mark.parametrize("confirmed", [None, JOB])
@pytest.mark.parametrize("seconds", [0, 59, 10_000])
def test_nothing_is_cancelled_before_pod_and_job_are_gone(case, confirmed, seconds):
    status = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    plan = plan_of(status, now=after(seconds), confirmed=confirmed, **LEFT[case])
    assert all(
        action.status.state is RunState.CANCELLING for action in plan.actions if hasattr(action, "status")
    )
    assert CreateJob not in kinds(plan)
    assert plan.requeue_at or ReadNode in kinds(plan)


@pytest.mark.parametrize("pod", [make_pod(running=True), make_pod(exit_code=1), make_pod(exit_code=0)])
def test_a_pod_that_its_job_left_behind_is_deleted(pod):
    status = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    assert ConfirmJob(JOB) in plan_of(status, pods=[pod]).actions
    assert DeletePod("etl-1-1-x", "uid-etl-1-1-x") in plan_of(status, confirmed=JOB, pods=[pod]).actions


@pytest.mark.parametrize(
    "pod", [make_pod(held=False, running=True), make_pod(exit_code=0, record=make_record())]
)
def test_a_pod_that_only_carries_our_labels_is_neither_deleted_nor_believed(pod):
    alien = pod | {"metadata": pod["metadata"] | {"ownerReferences": []}}
    plan = plan_of(make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED), confirmed=JOB, pods=[alien])
    assert DeletePod not in kinds(plan)
    assert written(plan).state is RunState.CANCELLED


@pytest.mark.parametrize(
    "jobs", [[], [make_job()], [make_job(deleting=True)], [make_job(complete=True, deleting=True)]]
)
@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CANCELLING])
def test_what_completes_meanwhile_has_completed(jobs, state):
    pod = make_pod(exit_code=0, deleting=True, record=make_record())
    plan = plan_of(make_status(state, Reason.CANCEL_REQUESTED), jobs=jobs, pods=[pod])
    assert kinds(plan) == [WriteRunStatus, ReleasePod]
    assert (written(plan).state, written(plan).reason) == (RunState.COMPLETED, None)
    assert written(plan).current.reason is None


def test_what_a_stopped_pod_leaves_is_kept_before_it_is_let_go():
    pod = make_pod(exit_code=137, deleting=True, record="last words")
    status = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    plan = plan_of(status, jobs=[make_job(deleting=True)], pods=[pod])
    assert kinds(plan) == [WriteRunStatus, ReleasePod]
    assert (written(plan).current.exit_code, written(plan).current.log_tail) == (137, "last words")
    final = written(plan_of(written(plan), confirmed=JOB))
    assert (final.state, final.current.exit_code) == (RunState.CANCELLED, 137)
    assert (final.failures, final.disruptions) == (0, 0)


def test_it_ends_with_its_pod_whenever_the_operator_comes_to_know():
    pod = make_pod(exit_code=137, ended=after(20), deleting=True)
    status = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    seen = written(plan_of(status, now=after(900), jobs=[make_job(deleting=True)], pods=[pod]))
    assert (seen.current.end_time, seen.current.completion_time) == (after(20), None)
    final = written(plan_of(seen, now=after(901), confirmed=JOB))
    assert (final.state, final.completion_time) == (RunState.CANCELLED, after(20))
    assert final.current.completion_time == after(20)
    assert final.conditions[0].last_transition_time == after(901)


def test_what_runs_no_more_ends_when_it_is_cancelled():
    status = closed(make_status(RunState.AWAITING_RETRY))
    assert written(plan_of(status, now=after(30))).completion_time == after(30)


TOTAL = {"timeouts": {"totalSeconds": 300}}


def admitted(state, reason=None, **more):
    return make_status(state, reason, admissionTime=text(NOW), **more)


@pytest.mark.parametrize("state", [RunState.PENDING, RunState.RUNNING])
def test_the_time_of_all_attempts_ends(state):
    world = {"template": TEMPLATE | TOTAL, "cancel": False, "jobs": [make_job()]}
    world["pods"] = [make_pod(running=state is RunState.RUNNING)]
    early = plan_of(admitted(state, Reason.WAITING_FOR_POD), now=after(299), **world)
    assert DeleteJob not in kinds(early)
    assert early.requeue_at is not None
    assert early.requeue_at <= after(300)
    plan = plan_of(admitted(state), now=after(300), **world)
    assert kinds(plan) == [WriteRunStatus, DeleteJob]
    assert (written(plan).state, written(plan).reason) == (RunState.CANCELLING, Reason.TOTAL_TIMEOUT)
    final = written(plan_of(written(plan), now=after(310), **world | {"jobs": [], "pods": []}, confirmed=JOB))
    assert (final.state, final.reason) == (RunState.TIMED_OUT, Reason.TOTAL_TIMEOUT)
    assert "Raise spec.timeouts.totalSeconds" in final.message


@pytest.mark.parametrize("state", [RunState.AWAITING_RETRY, RunState.QUEUED])
def test_the_time_of_all_attempts_ends_between_them(state):
    plan = plan_of(closed(admitted(state)), now=after(300), template=TEMPLATE | TOTAL, cancel=False)
    assert written(plan).state is RunState.TIMED_OUT
    early = plan_of(
        closed(admitted(state, Reason.CONCURRENCY_LIMIT, nextAttemptTime=text(after(900)))),
        now=after(200),
        template=TEMPLATE | TOTAL,
        cancel=False,
        defaults=[make_defaults(suspend="true")],
    )
    assert early.requeue_at == after(300)


@pytest.mark.parametrize(
    ("more", "seconds", "over"),
    [
        ({"pausedTime": text(after(10))}, 99_999, False),
        ({"pausedSeconds": 100}, 399, False),
        ({"pausedSeconds": 100}, 400, True),
    ],
)
def test_the_time_that_a_run_is_paused_does_not_count(more, seconds, over):
    state = RunState.PAUSED if "pausedTime" in more else RunState.RUNNING
    status = admitted(state, Reason.SUSPENDED if state is RunState.PAUSED else None, **more)
    world = {"jobs": [make_job()], "pods": [make_pod(running=True)]}
    plan = plan_of(status, now=after(seconds), template=TEMPLATE | TOTAL, cancel=False, **world)
    found = [action.status.reason for action in plan.actions if isinstance(action, WriteRunStatus)]
    assert (Reason.TOTAL_TIMEOUT in found) == over


REPLACE = {"concurrency": {"limit": 2, "policy": "Replace"}}


def replaced(status, newer, *, concurrency=REPLACE, **more):
    world = {"deployment": make_deployment(**concurrency), "slots": Slots(newer=newer, held=2)}
    return plan_of(status, template=None, cancel=more.pop("cancel", False), **world, **more)


def test_the_newest_replace_the_others():
    running = {"jobs": [make_job()], "pods": [make_pod(running=True)]}
    assert replaced(make_status(RunState.RUNNING), 1, **running).actions == ()
    plan = replaced(make_status(RunState.RUNNING), 2, **running)
    assert kinds(plan) == [WriteRunStatus, DeleteJob]
    assert (written(plan).state, written(plan).reason) == (RunState.CANCELLING, Reason.REPLACED)
    assert "A newer run of etl" in written(plan).message
    assert (
        replaced(make_status(RunState.RUNNING), 9, concurrency={"concurrency": {"limit": 2}}, **running)
        == Plan()
    )


def test_one_that_waits_is_replaced_at_once():
    plan = replaced(make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, attempt=0), 2)
    assert (written(plan).state, written(plan).reason) == (RunState.CANCELLED, Reason.REPLACED)


def test_one_that_rests_holds_no_slot_that_newer_ones_could_take():
    paused = closed(make_status(RunState.PAUSED, Reason.SUSPENDED, pausedTime=ENDED))
    run = make_run(status=paused, suspend=True)
    world = {"deployment": make_deployment(**REPLACE), "slots": Slots(newer=9)}
    assert decide_run(observe(run, **world)) == Plan()
    goes_on = decide_run(observe(make_run(status=paused), **world))
    assert written(goes_on).reason is Reason.REPLACED


def test_what_may_not_start_replaces_nothing():
    world = {
        "jobs": [make_job()],
        "pods": [make_pod(running=True)],
        "defaults": [make_defaults(suspend="true")],
    }
    assert replaced(make_status(RunState.RUNNING), 9, **world) == Plan()


@pytest.mark.parametrize("reason", [Reason.JOB_DELETED, Reason.REPLACED, Reason.TOTAL_TIMEOUT])
def test_the_cause_is_kept_when_it_does_not_show_any_more(reason):
    status = make_status(RunState.CANCELLING, Reason.NODE_LOST)
    status = status.replace(attempts=[status.current.replace(reason=reason)])
    plan = plan_of(status, cancel=False, confirmed=JOB)
    late = reason is Reason.TOTAL_TIMEOUT
    assert written(plan).state is (RunState.TIMED_OUT if late else RunState.CANCELLED)
    assert written(plan).reason is reason


ON_LOST_NODE = {
    "jobs": [make_job(deleting=True)],
    "pods": [make_pod(running=True, deleting=True)],
    "now": after(100),
    "nodes": [LOST],
}


def test_on_a_lost_node_it_waits_and_says_so():
    status = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    asked = plan_of(status, **ON_LOST_NODE | {"nodes": []})
    assert ReadNode("node-1") in asked.actions or asked.requeue_at == after(110)
    plan = plan_of(status, **ON_LOST_NODE)
    assert (written(plan).state, written(plan).reason) == (RunState.CANCELLING, Reason.NODE_LOST)
    assert "kubectl delete node NODE" in written(plan).message
    assert "node-1" in written(plan).message
    again = plan_of(written(plan), **ON_LOST_NODE)
    assert (again.actions, again.requeue_at) == ((), after(110))
    back = written(plan_of(written(plan), now=after(200), confirmed=JOB))
    assert (back.state, back.reason) == (RunState.CANCELLED, Reason.CANCEL_REQUESTED)


REPLACING = TEMPLATE | {"disruptionPolicy": "Replace"}


def test_on_a_lost_node_that_is_not_waited_for_it_is_cancelled():
    status = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    plan = plan_of(status, template=REPLACING, **ON_LOST_NODE)
    assert kinds(plan) == [WriteRunStatus, ReleasePod]
    assert (written(plan).state, written(plan).reason) == (RunState.CANCELLED, Reason.NODE_UNREACHABLE)
    assert "the process may still run" in written(plan).message


def test_on_a_lost_node_that_is_not_waited_for_a_timeout_stays_one():
    plan = plan_of(
        admitted(RunState.CANCELLING, Reason.TOTAL_TIMEOUT),
        cancel=False,
        template=REPLACING | {"timeouts": {"totalSeconds": 60}},
        **ON_LOST_NODE,
    )
    assert (written(plan).state, written(plan).reason) == (RunState.TIMED_OUT, Reason.TOTAL_TIMEOUT)
    assert "the process may still run" in written(plan).message


def test_its_job_is_deleted_before_a_lost_node_is_given_up():
    plan = plan_of(make_status(RunState.RUNNING), template=REPLACING, **ON_LOST_NODE | {"jobs": [make_job()]})
    assert kinds(plan) == [WriteRunStatus, DeleteJob]
    assert written(plan).state is RunState.CANCELLING


@pytest.mark.parametrize("state", [state for state in RunState if state.is_final])
def test_what_is_final_is_not_cancelled(state):
    assert plan_of(make_status(state)).actions == ()

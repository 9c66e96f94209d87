import pytest
from builders import NOW, TEMPLATE, after, make_job, make_pod, make_run, make_status, observe

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import PodWarning
from millstream_operator.decide.plan import ReadWarning, WriteRunStatus
from millstream_operator.decide.progress import report_progress

JOB_UID, POD_UID = "uid-etl-1-1", "uid-etl-1-1-x"


def pending(reason=Reason.WAITING_FOR_POD, state=RunState.PENDING):
    return make_run(template=TEMPLATE, status=make_status(state, reason))


def plan_of(run, pod=None, *, job=None, **world):
    observed = observe(run, jobs=[job or make_job()], pods=[pod] if pod else [], **world)
    return report_progress(observed, observed.run)


def told(message, uid=POD_UID, time=NOW):
    return PodWarning(uid=uid, message=message, time=time)


def written(plan):
    (action,) = plan.actions
    assert isinstance(action, WriteRunStatus)
    return action.status


def test_running():
    plan = plan_of(pending(), make_pod(running=True))
    status = written(plan)
    assert (status.state, status.reason, status.start_time) == (RunState.RUNNING, None, NOW)
    attempt = status.current
    assert (attempt.job_uid, attempt.pod, attempt.node) == (JOB_UID, "etl-1-1-x", "node-1")
    assert attempt.start_time == NOW
    assert plan.requeue_at is None


@pytest.mark.parametrize("pod", [make_pod(running=True), make_pod(exit_code=1)])
def test_says_once_that_it_runs(pod):
    assert plan_of(pending(None, RunState.RUNNING), pod).actions == ()


def test_a_new_attempt_keeps_the_runs_first_start():
    status = make_status(RunState.PENDING, Reason.WAITING_FOR_POD, attempt=2, start_time=after(-99))
    run = make_run(template=TEMPLATE, status=status)
    found = written(plan_of(run, make_pod(attempt=2, running=True), job=make_job(attempt=2)))
    assert (found.start_time, found.current.start_time) == (after(-99), NOW)


IMAGE = "Back-off pulling image"
WAITS = [
    (make_pod(unschedulable="0/3 nodes are available"), Reason.UNSCHEDULABLE, "0/3 nodes"),
    (
        make_pod(unschedulable='0/1 nodes are available: persistentvolumeclaim "results" not found.'),
        Reason.CONFIG_ERROR,
        'persistentvolumeclaim "results" not found',
    ),
    (make_pod(waiting=("ErrImagePull", IMAGE)), Reason.IMAGE_PULL_ERROR, "ErrImagePull: Back-off"),
    (make_pod(waiting=("ImagePullBackOff", IMAGE)), Reason.IMAGE_PULL_ERROR, "ImagePullBackOff"),
    (make_pod(waiting=("InvalidImageName", "")), Reason.IMAGE_PULL_ERROR, "InvalidImageName"),
    (make_pod(waiting=("ErrImageNeverPull", "")), Reason.IMAGE_PULL_ERROR, "ErrImageNeverPull"),
    (
        make_pod(waiting=("CreateContainerConfigError", 'configmap "x" not found')),
        Reason.CONFIG_ERROR,
        'configmap "x" not found',
    ),
    (make_pod(waiting=("CreateContainerError", "no")), Reason.CONFIG_ERROR, "CreateContainerError: no"),
]


@pytest.mark.parametrize(("pod", "reason", "message"), WAITS)
def test_says_what_it_waits_for(pod, reason, message):
    status = written(plan_of(pending(), pod))
    assert (status.state, status.reason) == (RunState.PENDING, reason)
    assert message in status.message
    assert reason.hint in status.message
    assert status.current.job_uid == JOB_UID


@pytest.mark.parametrize("word", ["ErrImagePull", "ImagePullBackOff"])
def test_words_that_alternate_are_no_news(word):
    assert plan_of(pending(Reason.IMAGE_PULL_ERROR), make_pod(waiting=(word, IMAGE))).actions == ()


@pytest.mark.parametrize("word", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_made_is_no_news(word):
    assert plan_of(pending(), make_pod(waiting=(word, ""))).actions == ()


@pytest.mark.parametrize(
    ("pod", "silent", "uid"), [(None, 3, JOB_UID), (make_pod(), 10, POD_UID)], ids=["no pod", "pod"]
)
def test_asks_for_events_when_nothing_says_why_nothing_happens(pod, silent, uid):
    early = plan_of(pending(), pod, now=after(silent - 0.1))
    assert (early.actions, early.requeue_at) == ((), after(silent))
    assert plan_of(pending(), pod, now=after(silent)).actions == (ReadWarning(uid),)
    asked = told("", uid=uid, time=after(silent))
    quiet = plan_of(pending(), pod, now=after(silent + 1), warning=asked)
    assert (quiet.actions, quiet.requeue_at) == ((), after(silent + 10))
    assert plan_of(pending(), pod, now=after(silent + 10), warning=asked).actions == (ReadWarning(uid),)


@pytest.mark.parametrize(
    ("pod", "uid", "reason"),
    [(None, JOB_UID, Reason.POD_CREATION_FAILED), (make_pod(), POD_UID, Reason.CONFIG_ERROR)],
)
def test_says_what_the_events_say(pod, uid, reason):
    status = written(plan_of(pending(), pod, now=after(1), warning=told("forbidden: quota", uid=uid)))
    assert (status.reason, status.state) == (reason, RunState.PENDING)
    assert "forbidden: quota" in status.message


def test_events_of_the_job_say_nothing_about_its_pod():
    plan = plan_of(pending(), make_pod(), now=after(1), warning=told("quota", uid=JOB_UID))
    assert plan.actions == ()


def test_goes_back_to_waiting_when_the_cause_is_gone():
    plan = plan_of(pending(Reason.UNSCHEDULABLE), make_pod())
    assert written(plan).reason is Reason.WAITING_FOR_POD


@pytest.mark.parametrize("pod", [None, make_pod()])
def test_a_suspended_job_is_left_to_who_suspended_it(pod):
    world = {"job": make_job(suspended=True), "now": after(10_000)}
    plan = plan_of(pending(), pod, **world)
    status = written(plan)
    assert (status.state, status.reason) == (RunState.QUEUED, Reason.JOB_SUSPENDED)
    again = plan_of(make_run(template=TEMPLATE, status=status), pod, **world)
    assert (again.actions, again.requeue_at) == ((), None)


def test_an_ended_pod_is_not_looked_at_again_in_the_past():
    plan = plan_of(pending(), make_pod(phase="Failed"), now=after(10_000))
    assert plan.requeue_at is None


def test_a_new_message_about_what_is_missing_is_news():
    waiting = make_pod(waiting=("CreateContainerConfigError", 'secret "b" not found'))
    assert written(plan_of(pending(Reason.CONFIG_ERROR), waiting)).message.startswith(
        "CreateContainerConfigError"
    )


def test_looks_again_by_the_start_deadline():
    plan = plan_of(pending(Reason.UNSCHEDULABLE), make_pod(unschedulable="no node"))
    assert plan.requeue_at == after(900)


@pytest.mark.parametrize(("message", "seconds"), [("exceeded quota: x", 900), ("violates PodSecurity", 60)])
def test_what_seldom_changes_is_not_waited_for_as_long_as_a_quota(message, seconds):
    warning = PodWarning(uid="uid-etl-1-1", message=message, time=after(seconds - 5))
    plan = plan_of(pending(Reason.POD_CREATION_FAILED), None, warning=warning, now=after(seconds - 5))
    assert plan.requeue_at == after(seconds)

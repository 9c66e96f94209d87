import pytest
from builders import (
    NOW,
    TEMPLATE,
    after,
    make_defaults,
    make_deployment,
    make_revision,
    make_run,
    make_status,
    observe,
    text,
)

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.admission import admit
from millstream_operator.decide.observed import Slots
from millstream_operator.decide.plan import (
    ConfirmDeployment,
    ConfirmRevision,
    CreateJob,
    CreateRevision,
    TakeSlot,
    WriteRunStatus,
)

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["n"],
    "additionalProperties": False,
}


def plan_of(run, **world):
    observed = observe(run, **world)
    return admit(observed, observed.run)


def written(plan):
    (status,) = [action.status for action in plan.actions if isinstance(action, WriteRunStatus)]
    return status


def kinds(plan):
    """Give the kinds of its actions; before each attempt comes its slot."""
    found = [type(action) for action in plan.actions]
    if CreateJob in found:
        assert found.pop(0) is TakeSlot
    return found


def test_says_nothing_about_a_run_with_an_attempt():
    assert plan_of(make_run(status=make_status(RunState.PENDING))) is None


def test_waits_for_the_scheduled_time():
    run = make_run(scheduledTime=text(after(60)))
    plan = plan_of(run, deployment=make_deployment())
    assert plan.requeue_at == after(60)
    assert (written(plan).state, written(plan).reason) == (RunState.SCHEDULED, None)
    assert "2026-03-01 12:01:00" in written(plan).message


def test_says_only_once_that_it_waits():
    told = written(plan_of(make_run(scheduledTime=text(after(60)))))
    plan = plan_of(make_run(scheduledTime=text(after(60)), status=told))
    assert (plan.actions, plan.requeue_at) == ((), after(60))


@pytest.mark.parametrize("late", [0, 1, 86_400])
def test_begins_when_due(late):
    run = make_run(scheduledTime=text(NOW))
    plan = plan_of(run, now=after(late), deployment=make_deployment())
    assert kinds(plan) == [CreateRevision, WriteRunStatus, CreateJob]


def test_writes_the_attempt_down_before_its_job_and_the_revision_before_both():
    plan = plan_of(make_run(), deployment=make_deployment())
    _, revision, _, job = plan.actions
    status = written(plan)
    assert (status.state, status.reason, status.attempt) == (RunState.PENDING, Reason.WAITING_FOR_POD, 1)
    assert (status.current.number, status.current.job, status.current.creation_time) == (1, "etl-1-1", NOW)
    assert status.revision == revision.name
    assert job.job["metadata"]["name"] == "etl-1-1"


def test_shares_a_revision_that_exists():
    name = plan_of(make_run(), deployment=make_deployment()).actions[1].name
    plan = plan_of(make_run(), deployment=make_deployment(), revisions=[make_revision(name)])
    assert kinds(plan) == [WriteRunStatus, CreateJob]
    assert written(plan).revision == name


def test_a_template_needs_no_revision():
    plan = plan_of(make_run(template=TEMPLATE))
    assert kinds(plan) == [WriteRunStatus, CreateJob]
    assert written(plan).revision is None


@pytest.mark.parametrize("clock", [0, 9999])
def test_waits_a_little_for_the_deployment_by_its_own_clock(clock):
    plan = plan_of(make_run(), now=after(clock))
    assert plan.requeue_at == after(clock + 30)
    assert (written(plan).state, written(plan).reason) == (RunState.PENDING, Reason.DEPLOYMENT_NOT_FOUND)
    waiting = make_run(status=written(plan))
    again = plan_of(waiting, now=after(clock + 29.9))
    assert (again.actions, again.requeue_at) == ((), after(clock + 30))
    assert plan_of(waiting, now=after(clock + 30)).actions == (ConfirmDeployment("etl"),)
    late = written(plan_of(waiting, now=after(clock + 30), confirmed="etl"))
    assert (late.state, late.reason) == (RunState.FAILED, Reason.DEPLOYMENT_NOT_FOUND)
    assert "no FlowDeployment etl in namespace team" in late.message


def test_parameters_that_nothing_could_write_down_are_refused():
    deep = 1
    for _ in range(5000):
        deep = [deep]
    status = written(plan_of(make_run(parameters={"x": deep}), deployment=make_deployment()))
    assert (status.state, status.reason) == (RunState.FAILED, Reason.INVALID_PARAMETERS)


def test_begins_when_the_deployment_comes():
    waiting = make_run(status=written(plan_of(make_run())))
    assert kinds(plan_of(waiting, deployment=make_deployment()))[-1] is CreateJob


DEEP = {}
for _ in range(200):
    DEEP = {"properties": {"a": DEEP}}
TOO_LARGE = {"text": "ä" * 70_000}


@pytest.mark.parametrize(
    ("spec", "world", "reason", "message"),
    [
        ({}, {"deployment_error": "image: missing"}, Reason.DEPLOYMENT_NOT_READY, "image: missing"),
        (
            {},
            {"deployment": make_deployment(parameterSchema={"type": "nonsense"})},
            Reason.DEPLOYMENT_NOT_READY,
            "FlowDeployment etl is not ready",
        ),
        (
            {"parameters": {"n": "many"}},
            {"deployment": make_deployment(parameterSchema=SCHEMA)},
            Reason.INVALID_PARAMETERS,
            "n must be integer, not 'many' (string).",
        ),
        (
            {},
            {"deployment": make_deployment(parameterSchema=SCHEMA)},
            Reason.INVALID_PARAMETERS,
            "n is missing.",
        ),
        (
            {"template": TEMPLATE | {"parameterSchema": {"type": 1}}},
            {},
            Reason.INVALID_PARAMETER_SCHEMA,
            "parameterSchema cannot be used",
        ),
        (
            {"template": TEMPLATE | {"parameterSchema": DEEP}},
            {},
            Reason.INVALID_PARAMETER_SCHEMA,
            "nested more than 100 levels deep",
        ),
        (
            {"parameters": TOO_LARGE},
            {"deployment": make_deployment()},
            Reason.DOCUMENT_TOO_LARGE,
            "131,072 are possible",
        ),
    ],
)
def test_refuses_bad_input_without_a_job(spec, world, reason, message):
    plan = plan_of(make_run(**spec), **world)
    status = written(plan)
    assert kinds(plan) == [WriteRunStatus]
    assert (status.state, status.reason, status.attempt) == (RunState.FAILED, reason, 0)
    assert message in status.message
    assert reason.hint in status.message
    assert status.completion_time is not None


def test_parameters_of_the_run_win_over_those_of_the_deployment():
    deployment = make_deployment(parameters={"n": 1, "name": "a"}, parameterSchema=SCHEMA)
    plan = plan_of(make_run(parameters={"n": 2}), deployment=deployment)
    annotations = plan.actions[-1].job["spec"]["template"]["metadata"]["annotations"]
    assert '"parameters":{"n":2,"name":"a"}' in annotations["millstream.dev/run"]


# --- what a run says differently, and ceilings ---


def test_overrides_reach_the_job_and_not_the_revision():
    overrides = {
        "timeouts": {"runSeconds": 5},
        "retryPolicy": {"failures": 7},
        "resources": {"limits": {"cpu": 3}},
        "image": "registry/etl:9",
    }
    deployment = make_deployment(overrides={"allowImage": True}, timeouts={"runSeconds": 60})
    plan = plan_of(make_run(overrides=overrides), deployment=deployment)
    pod = plan.actions[-1].job["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry/etl:9"
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": 3}
    assert '"run_seconds":5' in str(plan.actions[-1].job["spec"]["template"]["metadata"]["annotations"])
    revision = plan.actions[1].template
    assert (revision["image"], revision["timeouts"]["runSeconds"]) == ("registry/etl:1", 60)
    assert written(plan).revision == written(plan_of(make_run(), deployment=deployment)).revision


CEILING = make_defaults(maxResources="{cpu: 2}", maxRetries="{failures: 1}")


@pytest.mark.parametrize(
    ("run", "deployment", "defaults", "reason"),
    [
        ({"overrides": {"image": "x"}}, {}, [], Reason.OVERRIDE_NOT_ALLOWED),
        ({"overrides": {"image": "x"}, "template": TEMPLATE}, {}, [], Reason.OVERRIDE_NOT_ALLOWED),
        ({"overrides": {"resources": {"limits": {"cpu": 3}}}}, {}, [CEILING], Reason.CEILING_EXCEEDED),
        ({"overrides": {"retryPolicy": {"failures": 2}}}, {}, [CEILING], Reason.CEILING_EXCEEDED),
        ({}, {"pod": {"resources": {"limits": {"cpu": 3}}}}, [CEILING], Reason.CEILING_EXCEEDED),
        ({"template": {"entrypoint": "flows.py:etl"}}, {}, [], Reason.NO_IMAGE),
    ],
)
def test_refuses_what_is_not_allowed(run, deployment, defaults, reason):
    plan = plan_of(make_run(**run), deployment=make_deployment(**deployment), defaults=defaults)
    assert kinds(plan) == [WriteRunStatus]
    assert (written(plan).state, written(plan).reason) == (RunState.FAILED, reason)
    assert reason.hint in written(plan).message


def test_an_override_may_bring_a_run_below_a_ceiling():
    deployment = make_deployment(retryPolicy={"failures": 5})
    run = make_run(overrides={"retryPolicy": {"failures": 1}})
    assert kinds(plan_of(run, deployment=deployment, defaults=[CEILING]))[-1] is CreateJob


# --- when no slot is free ---

FULL = Slots(held=1)


def limited(policy):
    return make_deployment(concurrency={"limit": 1, "policy": policy})


@pytest.mark.parametrize("policy", ["Queue", "Replace"])
def test_waits_for_a_slot_and_says_so_once(policy):
    plan = plan_of(make_run(), deployment=limited(policy), slots=FULL)
    status = written(plan)
    assert (status.state, status.reason, status.attempt) == (RunState.QUEUED, Reason.CONCURRENCY_LIMIT, 0)
    assert "slot of etl" in status.message
    again = plan_of(make_run(status=status), deployment=limited(policy), slots=Slots(held=1, ahead=3))
    assert (again.actions, again.requeue_at) == ((), None)
    assert kinds(plan_of(make_run(status=status), deployment=limited(policy)))[-1] is CreateJob


def test_skips_when_no_slot_is_free():
    status = written(plan_of(make_run(), deployment=limited("Skip"), slots=FULL))
    assert (status.state, status.reason) == (RunState.CANCELLED, Reason.CONCURRENCY_LIMIT)
    assert status.completion_time == NOW


def test_skips_for_no_other_reason():
    world = {"deployment": limited("Skip"), "slots": Slots(held_in_namespace=1)}
    plan = plan_of(make_run(), defaults=[make_defaults(maxLiveRuns="1")], **world)
    assert (written(plan).state, written(plan).reason) == (RunState.QUEUED, Reason.NAMESPACE_LIMIT)


def test_the_reason_why_it_waits_is_kept_current():
    waits = make_status(RunState.QUEUED, Reason.NAMESPACE_LIMIT, attempt=0)
    plan = plan_of(make_run(status=waits), deployment=limited("Queue"), slots=FULL)
    assert written(plan).reason is Reason.CONCURRENCY_LIMIT


# --- after a pause ---


def rested(**spec):
    status = make_status(RunState.PAUSED, Reason.SUSPENDED, revision="etl-old", pausedTime=text(NOW))
    return make_run(status=status.replace(attempts=[status.current.replace(completion_time=NOW)]), **spec)


def test_goes_on_with_what_was_frozen_and_checks_nothing_again():
    broken = make_deployment(image="registry/etl:2", parameterSchema={"type": "nonsense"})
    world = {"deployment": broken, "revisions": [make_revision("etl-old")]}
    plan = plan_of(rested(), defaults=[make_defaults(allowedImages="[none]")], **world)
    assert kinds(plan) == [WriteRunStatus, CreateJob]
    assert (written(plan).revision, written(plan).attempt) == ("etl-old", 2)
    container = plan.actions[-1].job["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry/etl:1"


def test_after_a_pause_it_is_never_skipped():
    plan = plan_of(rested(), deployment=limited("Skip"), revisions=[make_revision("etl-old")], slots=FULL)
    assert written(plan).state is RunState.QUEUED


def test_without_its_revision_it_asks_and_then_fails():
    assert plan_of(rested()).actions == (ConfirmRevision("etl-old"),)
    assert written(plan_of(rested(), confirmed="etl-old")).reason is Reason.REVISION_LOST

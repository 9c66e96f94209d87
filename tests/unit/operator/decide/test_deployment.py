import pytest
from builders import NOW, TEMPLATE, after, make_deployment, make_revision, make_run, make_status, text

from millstream.resources.names import revision_name
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import decide_deployment
from millstream_operator.decide.observed import Deployment, ObservedDeployment, Revision, Run
from millstream_operator.decide.plan import DeleteRevision, TryJob, WriteDeploymentStatus

CURRENT = revision_name("etl", Deployment.from_object(make_deployment()).spec.template().to_dict())


def plan_of(deployment, revisions=(), in_use=(), now=NOW, **more):
    """Decide about a deployment whose Jobs were tried, and accepted unless `more` says otherwise."""
    more = {"tried": deployment["metadata"]["generation"] if deployment else None} | more
    return decide_deployment(
        ObservedDeployment(
            now=now,
            deployment=Deployment.from_object(deployment) if deployment else None,
            revisions=tuple(map(Revision.from_object, revisions)),
            in_use=frozenset(in_use),
            **more,
        )
    )


def ready(plan):
    (action,) = plan.actions
    assert isinstance(action, WriteDeploymentStatus)
    return next(condition for condition in action.status.conditions if condition.type == "Ready")


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("spec", "status", "reason", "message"),
    [
        ({}, "True", Reason.VALID, "Runs can be made."),
        ({"parameterSchema": SCHEMA}, "True", Reason.VALID, "Runs can be made."),
        ({"parameterSchema": SCHEMA, "parameters": {"n": 1}}, "True", Reason.VALID, ""),
        (
            {"parameterSchema": SCHEMA, "parameters": {"n": "x"}},
            "False",
            Reason.INVALID_DEFAULTS,
            "n must be integer",
        ),
        ({"parameterSchema": {"type": "integr"}}, "False", Reason.INVALID_PARAMETER_SCHEMA, "integr"),
        (
            {"parameterSchema": {"$ref": "http://169.254.169.254/x"}},
            "False",
            Reason.INVALID_PARAMETER_SCHEMA,
            "other documents",
        ),
    ],
)
def test_says_whether_runs_can_be_made(spec, status, reason, message):
    condition = ready(plan_of(make_deployment(**spec)))
    assert (condition.type, condition.status, condition.reason) == ("Ready", status, reason)
    assert message in condition.message
    assert reason.hint in condition.message


def test_asks_whether_its_jobs_would_be_accepted():
    (action,) = plan_of(make_deployment(), tried=None).actions
    assert isinstance(action, TryJob)
    assert action.job["spec"]["template"]["spec"]["containers"][0]["image"] == TEMPLATE["image"]
    condition = ready(plan_of(make_deployment(), refusal="label: invalid"))
    assert (condition.status, condition.reason) == ("False", Reason.INVALID_POD)
    assert "label: invalid." in condition.message


def test_lets_go_of_nothing_while_a_run_chooses_its_revision():
    deployment = make_deployment()
    deployment["status"] = plan_of(deployment).actions[0].status.to_dict()
    assert plan_of(deployment, [make_revision("etl-old", created=after(-999))], admitting=True).actions == ()


def test_a_spec_that_nothing_could_write_down_is_refused():
    deep = 1
    for _ in range(5000):
        deep = {"x": deep}
    assert ready(plan_of(make_deployment(parameters={"x": deep}))).reason == Reason.INVALID_DEFAULTS


def test_a_message_of_any_length_fits_the_resource():
    names = [f"parameter{number}" for number in range(500)]
    schema = {"properties": {name: {"type": "integer"} for name in names}}
    condition = ready(plan_of(make_deployment(parameterSchema=schema, parameters=dict.fromkeys(names, "x"))))
    assert 1_000 < len(condition.message) <= 4_096


@pytest.mark.parametrize("spec", [{}, {"parameterSchema": {"type": "integr"}}])
def test_says_it_once(spec):
    (write,) = plan_of(make_deployment(**spec)).actions
    again = plan_of(make_deployment(status=write.status.to_dict(), **spec), now=after(99))
    assert again.actions == ()


def test_a_new_generation_is_observed():
    (write,) = plan_of(make_deployment()).actions
    edited = make_deployment(status=write.status.to_dict(), image="registry/etl:2")
    edited["metadata"]["generation"] = 2
    (second,) = plan_of(edited, now=after(9)).actions
    assert second.status.observed_generation == second.status.conditions[0].observed_generation == 2
    assert second.status.conditions[0].last_transition_time == NOW


REVISIONS = {
    "current": (CURRENT, 0, (), False),
    "in use": ("etl-old", 9999, ("etl-old",), False),
    "young": ("etl-old", 299, (), False),
    "unused": ("etl-old", 300, (), True),
}


@pytest.mark.parametrize("case", REVISIONS)
def test_lets_go_of_what_no_live_run_uses(case):
    name, age, in_use, gone = REVISIONS[case]
    deployment = make_deployment()
    deployment["status"] = plan_of(deployment).actions[0].status.to_dict()
    plan = plan_of(deployment, [make_revision(name, created=after(-age))], in_use)
    assert plan.actions == ((DeleteRevision(name, f"uid-{name}"),) if gone else ())
    assert plan.requeue_at == (after(1) if case == "young" else None)


def test_of_a_deleted_deployment_only_what_live_runs_use_is_kept():
    revisions = [make_revision(name, created=after(-999)) for name in ("etl-a", "etl-b")]
    plan = plan_of(None, revisions, in_use=["etl-a"])
    assert [action.name for action in plan.actions] == ["etl-b"]


def test_the_current_revision_is_found_again_after_the_api_server_stored_it():
    template = Deployment.from_object(
        make_deployment(parameters={"x": None, "ä": [1.0, "y"]})
    ).spec.template()
    name = revision_name("etl", template.to_dict())
    stored = Deployment.from_object(make_deployment(parameters={"ä": [1.0, "y"], "x": None}))
    assert revision_name("etl", stored.spec.template().to_dict()) == name
    assert name != CURRENT
    assert set(TEMPLATE) < set(template.to_dict())


def ended(name, seconds, state=RunState.COMPLETED):
    return Run.from_object(make_run(name, status=make_status(state, completion_time=after(seconds))))


LAST = {
    # (status before, completed runs, others): the last run, and the last success
    "none": ({}, [], [], None, None),
    "a success": ({}, [("a", 5), ("b", 9)], [], "b", 9),
    "a failure after it": ({}, [("a", 5)], [("c", 7)], "c", 5),
    "a success whose run is gone": ({"lastSuccessTime": text(after(4))}, [], [("c", 7)], "c", 4),
    "an older one is still there": ({"lastSuccessTime": text(after(8))}, [("a", 5)], [], "a", 8),
}


@pytest.mark.parametrize("case", LAST)
def test_the_last_success_is_remembered(case):
    before, completed, others, last, success = LAST[case]
    plan = plan_of(
        make_deployment(status=before),
        completed=[ended(*run) for run in completed],
        failed=[ended(*run, RunState.FAILED) for run in others],
    )
    status = plan.actions[0].status
    assert (status.last_run and status.last_run.name) == last
    assert status.last_success_time == (None if success is None else after(success))

import pytest
from builders import NOW, make_defaults, make_deployment

from millstream.resources.reasons import Reason
from millstream_operator.decide.observed import Deployment, ObservedDeployment
from millstream_operator.decide.plan import TryJob
from millstream_operator.decide.readiness import ready, suspended
from millstream_operator.defaults_reader import read_defaults


def observe(deployment=None, *defaults, **more):
    read = tuple(read_defaults(o, "millstream") for o in defaults)
    found = Deployment.from_object(deployment or make_deployment())
    return ObservedDeployment(now=NOW, deployment=found, defaults=read, **{"tried": 1} | more)


def readiness(*args, **more):
    observed = observe(*args, **more)
    return ready(observed, observed.deployment)


def rest(*args):
    observed = observe(*args)
    return suspended(observed, observed.deployment)


def bare(**spec):
    deployment = make_deployment(**spec)
    del deployment["spec"]["image"]
    return deployment


@pytest.mark.parametrize(
    ("deployment", "defaults", "reason", "message"),
    [
        (make_deployment(), [], Reason.VALID, "Runs can be made."),
        (bare(), [], Reason.NO_IMAGE, "Neither the FlowDeployment nor the namespace names an image."),
        (bare(), [make_defaults(image="a")], Reason.VALID, ""),
        (
            make_deployment(),
            [make_defaults(allowedImages="[x]")],
            Reason.CEILING_EXCEEDED,
            "registry/etl:1 is none",
        ),
        (
            make_deployment(schedules=[{"name": "bad", "cron": "x"}, {"name": "good", "interval": 60}]),
            [],
            Reason.INVALID_SCHEDULE,
            "bad: ",
        ),
        (
            make_deployment(schedules=[{"name": "never", "cron": "0 0 30 2 *"}]),
            [],
            Reason.INVALID_SCHEDULE,
            "never: It never fires.",
        ),
    ],
)
def test_readiness(deployment, defaults, reason, message):
    found = readiness(deployment, *defaults)
    assert (found.reason, found.status) == (reason, "True" if reason is Reason.VALID else "False")
    assert message in found.message
    assert found.message.endswith(reason.hint)


def known(reason, generation=1):
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "lastTransitionTime": str(NOW),
        "observedGeneration": generation,
    }
    return {"conditions": [condition]}


def test_what_is_known_of_a_generation_is_not_found_out_again():
    assert readiness(make_deployment(status=known("InvalidPod")), tried=None).reason == "InvalidPod"
    assert isinstance(readiness(make_deployment(status=known("InvalidPod", 0)), tried=None), TryJob)


@pytest.mark.parametrize("reason", [Reason.NO_IMAGE, Reason.CEILING_EXCEEDED])
def test_what_the_namespace_can_mend_is_found_out_again(reason):
    assert readiness(make_deployment(status=known(reason))).reason == Reason.VALID


def test_a_ceiling_that_comes_later_shows():
    deployment = make_deployment(status=known("Valid"))
    assert readiness(deployment, make_defaults(allowedImages="[x]")).reason == Reason.CEILING_EXCEEDED


@pytest.mark.parametrize(
    ("spec", "defaults", "status", "reason", "message"),
    [
        ({}, [], "False", Reason.ACTIVE, "Its schedules, if it has any, fire."),
        ({"suspend": True}, [], "True", Reason.SUSPENDED, "spec.suspend is true: no scheduled runs."),
        (
            {},
            [make_defaults(suspend="true")],
            "True",
            Reason.NAMESPACE_SUSPENDED,
            Reason.NAMESPACE_SUSPENDED.hint,
        ),
        (
            {"suspend": True},
            [make_defaults(clusterwide=True, suspend="true")],
            "True",
            Reason.CLUSTER_SUSPENDED,
            "in namespace millstream says suspend.",
        ),
    ],
)
def test_whether_its_schedules_rest_and_on_whose_word(spec, defaults, status, reason, message):
    found = rest(make_deployment(**spec), *defaults)
    assert (found.type, found.status, found.reason) == ("Suspended", status, reason)
    assert message in found.message


def test_a_message_of_any_length_fits_the_resource():
    wrong = make_defaults(**{f"unknown{number}": "1" for number in range(500)})
    assert 1_000 < len(rest(make_deployment(), wrong).message) <= 4_096
    schedules = [{"name": f"s{number}", "cron": "x" * 200} for number in range(32)]
    assert 1_000 < len(readiness(make_deployment(schedules=schedules)).message) <= 4_096


def test_the_specimen_is_what_a_run_would_get():
    question = readiness(bare(), make_defaults(image="quay.io/x"), tried=None)
    assert question.job["metadata"]["name"] == "etl-1"
    assert question.job["spec"]["template"]["spec"]["containers"][0]["image"] == "quay.io/x"

import pytest
from builders import TEMPLATE, make_defaults, make_deployment, make_run, observe

from millstream.resources.reasons import Reason
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.defaults import above_ceiling, filled, live_limit, stopped
from millstream_operator.decide.plan import CreateJob, WriteRunStatus
from millstream_operator.defaults_reader import read_defaults

BARE = {"entrypoint": "flows.py:etl"}


def read(*given):
    return tuple(read_defaults(o, "millstream") for o in given)


def both(cluster, namespace):
    return read(make_defaults(clusterwide=True, **cluster), make_defaults(**namespace))


def template(**spec):
    return RunTemplate.model_validate(BARE | spec)


@pytest.mark.parametrize(
    ("image", "cluster", "namespace", "found"),
    [
        (None, {}, {}, None),
        (None, {"image": "a"}, {}, "a"),
        (None, {"image": "a"}, {"image": "b"}, "b"),
        ("c", {"image": "a"}, {"image": "b"}, "c"),
        ("etl:1", {"registry": "ghcr.io/team"}, {}, "ghcr.io/team/etl:1"),
        ("etl:1", {"registry": "ghcr.io"}, {"registry": "quay.io/x"}, "quay.io/x/etl:1"),
        ("team/etl:1", {"registry": "ghcr.io"}, {}, "ghcr.io/team/etl:1"),
        ("ghcr.io/etl", {"registry": "quay.io"}, {}, "ghcr.io/etl"),
        ("localhost/etl", {"registry": "quay.io"}, {}, "localhost/etl"),
        ("host:5000/etl", {"registry": "quay.io"}, {}, "host:5000/etl"),
        (None, {"image": "etl:1", "registry": "quay.io"}, {}, "quay.io/etl:1"),
    ],
)
def test_image_and_registry(image, cluster, namespace, found):
    spec = {"image": image} if image else {}
    assert filled(template(**spec), both(cluster, namespace)).image == found


def test_the_pods_fields_are_filled_the_namespace_before_the_cluster():
    cluster = {
        "resources": "{requests: {cpu: 1}}",
        "nodeSelector": "{a: cluster, b: cluster, c: cluster}",
        "tolerations": "[{key: x, operator: Exists}]",
    }
    namespace = {"resources": "{requests: {cpu: 2}}", "nodeSelector": "{a: namespace, b: namespace}"}
    own = {"nodeSelector": {"a": "own"}, "tolerations": [{"key": "x", "operator": "Exists"}]}
    pod = filled(template(pod=own), both(cluster, namespace)).pod.to_dict()
    assert pod["resources"]["requests"] == {"cpu": 2}
    assert pod["nodeSelector"] == {"a": "own", "b": "namespace", "c": "cluster"}
    assert pod["tolerations"] == [{"key": "x", "operator": "Exists"}]
    assert filled(template(pod={"resources": {}}), both(cluster, namespace)).pod.resources.requests == {}


@pytest.mark.parametrize(
    ("own", "cluster", "namespace", "found"),
    [
        (None, {}, {}, None),
        (None, {"storage": "{url: s3://a}"}, {}, {"url": "s3://a"}),
        (
            None,
            {"storage": "{url: s3://a, secretName: keys}"},
            {"storage": "{persistentVolumeClaim: b}"},
            {"persistentVolumeClaim": "b"},
        ),
        ({"url": "s3://c"}, {}, {"storage": "{url: s3://b, secretName: keys}"}, {"url": "s3://c"}),
    ],
)
def test_storage_as_a_whole(own, cluster, namespace, found):
    spec = {"storage": own} if own else {}
    assert filled(template(**spec), both(cluster, namespace)).to_dict().get("storage") == found


@pytest.mark.parametrize(
    ("spec", "data", "problem"),
    [
        ({"image": "quay.io/a"}, {"allowedImages": "[quay.io/*]"}, ""),
        ({"image": "evil.io/a"}, {"allowedImages": "[quay.io/*]"}, "evil.io/a is none of quay.io/*"),
        ({"image": "quay.io/a"}, {"allowedImages": "[]"}, "the allowed ones"),
        ({"image": "QUAY.io/a"}, {"allowedImages": "[quay.io/*]"}, "QUAY.io/a is none"),
        (
            {"image": "a", "pod": {"initContainers": [{"name": "i", "image": "evil"}]}},
            {"allowedImages": "[a]"},
            "image evil",
        ),
        ({"pod": {"resources": {"limits": {"cpu": "1500m"}}}}, {"maxResources": "{cpu: 1.5k}"}, ""),
        ({"pod": {"resources": {"limits": {"cpu": "1500m"}}}}, {"maxResources": "{cpu: 1}"}, "1500m of cpu"),
        ({"pod": {"resources": {"requests": {"memory": "2Gi"}}}}, {"maxResources": "{memory: 2Gi}"}, ""),
        (
            {"pod": {"resources": {"requests": {"nvidia.com/gpu": 2}}}},
            {"maxResources": "{nvidia.com/gpu: 1}"},
            "2 of nvidia.com/gpu is more than 1",
        ),
        (
            {"pod": {"resources": {"limits": {"cpu": "1e99999999999999999999"}}}},
            {"maxResources": "{cpu: 1}"},
            "is no quantity",
        ),
        (
            {"pod": {"initContainers": [{"name": "i", "image": "a", "resources": {"limits": {"cpu": "9"}}}]}},
            {"maxResources": "{cpu: 8}"},
            "9 of cpu is more than 8",
        ),
        ({"retryPolicy": {"failures": 3}}, {"maxRetries": "{failures: 2}"}, "retryPolicy.failures 3"),
        ({"retryPolicy": {"failures": 2}}, {"maxRetries": "{failures: 2}"}, ""),
        ({"retryPolicy": {"disruptions": 9}}, {"maxRetries": "{disruptions: 2}"}, "disruptions 9"),
    ],
)
@pytest.mark.parametrize("clusterwide", [True, False])
def test_ceilings(spec, data, problem, clusterwide):
    found = above_ceiling(template(**spec), read(make_defaults(clusterwide=clusterwide, **data)))
    assert problem in found
    assert bool(found) == bool(problem)


def test_both_ceilings_hold():
    defaults = both({"maxResources": "{cpu: 1}"}, {"maxResources": "{cpu: 100}"})
    assert above_ceiling(template(pod={"resources": {"limits": {"cpu": 2}}}), defaults)


@pytest.mark.parametrize(
    ("cluster", "namespace", "limit"),
    [({}, {}, None), ({"maxLiveRuns": "5"}, {}, 5), ({"maxLiveRuns": "5"}, {"maxLiveRuns": "9"}, 5)],
)
def test_live_limit(cluster, namespace, limit):
    assert live_limit(both(cluster, namespace)) == limit


UNREADABLE = {
    "no YAML": {"image": "[unclosed"},
    "an impossible date": {"image": "2024-13-45"},
    "nested without end": {"image": "[" * 1_000_000},
    "nested in blocks": {"tolerations": "- " * 4_000},
    "long": {"image": "x" * 10_000},
    "an unknown key": {"imageRegistry": "x"},
    "of another type": {"maxLiveRuns": "many"},
    "negative": {"maxLiveRuns": "-1"},
    "empty": {"suspend": ""},
    "no quantity": {"maxResources": "{cpu: lots}"},
    "no quantity by default": {"resources": "{requests: {cpu: lots}}"},
    "an anchor": {"nodeSelector": "&a {x: y}"},
    "an alias": {"nodeSelector": "{a: &a b, c: *a}"},
    "what is merged over and over": {
        "nodeSelector": "a: &a {x: y}\nb: &b {<<: [*a, *a]}\nc: &c {<<: [*b, *b]}\nd: {<<: [*c, *c]}"
    },
    "an amount that is no number": {"maxResources": "{cpu: NaN}"},
    "an amount without end": {"maxResources": "{cpu: Infinity}"},
    "a float": {"maxResources": "{cpu: 0.5}"},
    "a storage of two kinds": {"storage": "{url: s3://b, persistentVolumeClaim: c}"},
    "a storage with credentials": {"storage": "{url: s3://key:secret@bucket}"},
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("clusterwide", [True, False])
def test_what_cannot_be_read_stops_what_is_new(case, clusterwide):
    (found,) = read(make_defaults(clusterwide=clusterwide, **UNREADABLE[case]))
    assert found.error
    assert "\n" not in found.error
    assert stopped((found,))[0] is Reason.UNREADABLE_DEFAULTS
    given = [make_defaults(clusterwide=clusterwide, **UNREADABLE[case])]
    plan = decide_run(observe(make_run(), deployment=make_deployment(), defaults=given))
    (write,) = plan.actions
    assert isinstance(write, WriteRunStatus)
    assert (write.status.state, write.status.reason) == (RunState.QUEUED, Reason.UNREADABLE_DEFAULTS)
    assert "ConfigMap millstream-defaults in namespace" in write.status.message


def test_says_which_key_is_wrong_and_which_was_meant():
    assert read(make_defaults(maxLiveRun="1"))[0].error == "there is no maxLiveRun; did you mean maxLiveRuns?"
    assert "there is no x; there are allowedImages, image, maxLiveRuns" in read(make_defaults(x="1"))[0].error
    assert "nodeSelector is no YAML" in read(make_defaults(nodeSelector="a: b: c"))[0].error
    assert "maxLiveRuns: Input should be" in read(make_defaults(maxLiveRuns="many"))[0].error


def test_says_what_a_storage_is_without_what_was_given():
    (found,) = read(make_defaults(storage="{url: 's3://key:tell-nobody@bucket'}"))
    assert "give s3://bucket/folder" in found.error
    assert "tell-nobody" not in found.error


def test_one_without_data_says_nothing():
    empty = make_defaults() | {"data": None}
    assert (read(empty)[0].error, stopped(read(empty))) == ("", None)


def test_the_cluster_speaks_first():
    defaults = both({"suspend": "true"}, {"suspend": "true"})
    assert stopped(defaults)[0] is Reason.CLUSTER_SUSPENDED


def test_what_is_filled_in_reaches_the_job_and_the_revision():
    bare = make_deployment()
    bare["spec"] = BARE
    defaults = [make_defaults(image="quay.io/x", storage="{url: s3://bucket}")]
    plan = decide_run(observe(make_run(), deployment=bare, defaults=defaults))
    (job,) = [action.job for action in plan.actions if isinstance(action, CreateJob)]
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "quay.io/x"
    assert plan.actions[1].template["image"] == "quay.io/x"
    assert plan.actions[1].template["storage"] == {"url": "s3://bucket"}
    assert TEMPLATE["image"] != "quay.io/x"


@pytest.mark.parametrize("value", ["{a: &a b, c: d}", "{a: *a}", "- &a b\n- *a"])
def test_anchors_and_aliases_are_refused_before_anything_is_made_of_them(value):
    (found,) = read(make_defaults(nodeSelector=value))
    assert "anchors (&) and aliases (*) are not supported; write the value out" in found.error


def test_an_asterisk_in_quotes_is_no_alias():
    (found,) = read(make_defaults(allowedImages='["*", "&a"]'))
    assert (found.error, found.value.allowed_images) == ("", ["*", "&a"])

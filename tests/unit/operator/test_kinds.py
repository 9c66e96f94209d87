import pytest

from millstream_operator.kinds import FLOW_RUNS, PODS


@pytest.mark.parametrize(
    ("kind", "arguments", "path"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("team",), "/api/v1/namespaces/team/pods"),
        (PODS, ("team", "a"), "/api/v1/namespaces/team/pods/a"),
        (FLOW_RUNS, (), "/apis/millstream.dev/v1alpha1/flowruns"),
        (
            FLOW_RUNS,
            ("team", "a", "status"),
            "/apis/millstream.dev/v1alpha1/namespaces/team/flowruns/a/status",
        ),
    ],
)
def test_path(kind, arguments, path):
    assert kind.path(*arguments) == path

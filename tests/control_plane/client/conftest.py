"""Clients as programs use them, against a real API server."""

import pytest

from millstream.client import get_client
from millstream.settings import temporary_settings
from millstream_operator.kinds import FLOW_RUNS


@pytest.fixture
def settings(plane, ns, tmp_path, monkeypatch):
    """Settings by which clients find the test's namespace."""
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    chosen = {
        "MILLSTREAM_API": "cluster",
        "MILLSTREAM_CLUSTER_NAMESPACE": ns.name,
        "MILLSTREAM_HOME": tmp_path / "home",
        "MILLSTREAM_HISTORY_ENABLED": False,
    }
    with temporary_settings(chosen):
        yield


@pytest.fixture
def reader(settings):
    """A client of the test's namespace."""
    del settings
    return get_client(sync_client=True)


@pytest.fixture(scope="module")
def make_namespace(make_namespace):
    """Make a namespace, whose runs go with the module: some have a status that no operator would write, or understand."""
    made = []

    def make():
        made.append(make_namespace())
        return made[-1]

    yield make
    for ns in made:
        for run in ns.items(FLOW_RUNS):
            ns.delete(FLOW_RUNS, run["metadata"]["name"])

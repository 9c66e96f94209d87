"""Clients as programs use them, against a real API server."""

import pytest

from millstream.client import get_client
from millstream.settings import temporary_settings


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

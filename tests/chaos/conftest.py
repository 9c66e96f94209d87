"""The bare control plane of tests/control_plane, with a proxy before it that spoils what the operator is told."""

import importlib.util
import os
import time
from pathlib import Path

import pytest
from faulty_api_server import faulty_api_server
from history import watching
from mortal_operator import forker as running_forker


def _shared():
    path = Path(__file__).parents[1] / "control_plane/conftest.py"
    spec = importlib.util.spec_from_file_location("control_plane_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_fixtures = _shared()
plane, kubectl, client = _fixtures.plane, _fixtures.kubectl, _fixtures.client
limited_kubeconfig, make_namespace, ns = (
    _fixtures.limited_kubeconfig,
    _fixtures.make_namespace,
    _fixtures.ns,
)


@pytest.fixture(scope="session", autouse=True)
def seconds_left():
    """Give what is left of CHAOS_SECONDS; each test runs once even when that is nothing."""
    end = time.monotonic() + float(os.environ.get("CHAOS_SECONDS", "60"))
    return lambda: end - time.monotonic()


@pytest.fixture
def say(request):
    """Tell on the terminal how far a long test is."""
    return request.config.get_terminal_writer().line


@pytest.fixture(scope="session")
def forker():
    with running_forker(hurried=True) as made:
        yield made


@pytest.fixture
def proxy(plane):
    with faulty_api_server(plane) as running:
        yield running


@pytest.fixture
def kubeconfig(proxy, limited_kubeconfig, tmp_path):
    """The operator's credentials, which lead to the proxy."""
    return proxy.write_kubeconfig(limited_kubeconfig, tmp_path / "kubeconfig")


@pytest.fixture
def watch(plane):
    with watching(plane) as watch:
        yield watch

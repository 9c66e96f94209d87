"""One control plane for all tests; the operator runs on it with the rights that the chart gives it, and no others."""

import json
import os
import subprocess
import uuid
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import api_server
import control_plane
import pytest
import yaml
from patience import HANG_SECONDS, PATIENTLY

from millstream_operator.kinds import FLOW_DEPLOYMENTS

ROOT = Path(__file__).parents[2]
SYSTEM = "millstream-system"
RIGHTS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


@pytest.fixture(scope="session")
def plane():
    try:
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm"):
            control_plane.program(name)
    except control_plane.MissingProgramsError as error:
        pytest.fail(f"{error} (make cluster-tools)", pytrace=False)
    with ExitStack() as stack:
        plane = stack.enter_context(control_plane.running())
        applied = run_kubectl(plane, "apply", "-f", ROOT / "crds")
        assert applied.count("created") == 2, applied
        run_kubectl(plane, "wait", PATIENTLY, "--for=condition=Established", "-f", ROOT / "crds")
        # After the CRDs, or the garbage collector does not know them for its first half minute.
        control_plane._start_controllers(stack, plane.directory, plane)
        yield plane


def run_kubectl(plane, *arguments, body=None):
    command = [control_plane.program("kubectl"), *map(str, arguments)]
    text = None if body is None else json.dumps(body)
    environment = os.environ | {"KUBECONFIG": str(plane.kubeconfig)}
    done = subprocess.run(
        command,
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def kubectl(plane):
    """Run kubectl as an administrator; give what it prints, also when it fails."""
    return partial(run_kubectl, plane)


@pytest.fixture(scope="session")
def client(plane):
    """A client of an administrator."""
    config = json.loads(plane.kubeconfig.read_text())
    token = config["users"][0]["user"]["token"]
    client = api_server.Client(plane.url, token, plane.directory / "apiserver.crt")
    yield client
    client.close()


@pytest.fixture(scope="session")
def limited_kubeconfig(plane, kubectl):
    """Credentials of the operator's service account, with the chart's rules."""
    kubectl("create", "namespace", SYSTEM)
    chart = [control_plane.program("helm"), "template", "millstream", ROOT / "charts/millstream"]
    version = ("--namespace", SYSTEM, "--kube-version", "1.35.0", "--set", "test.create=false")
    made = subprocess.run([*chart, *version], check=True, capture_output=True)
    objects = [o for o in yaml.safe_load_all(made.stdout) if o and o["kind"] in RIGHTS]
    rights = [o for o in objects if "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    (account,) = [o["metadata"]["name"] for o in rights if o["kind"] == "ServiceAccount"]
    everything = {"apiVersion": "v1", "kind": "List", "items": rights}
    applied = kubectl("apply", "--namespace", SYSTEM, "-f", "-", body=everything)
    assert "rror" not in applied, applied
    token = kubectl("create", "token", account, "--namespace", SYSTEM, "--duration", "2h").strip()
    config = json.loads(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = plane.directory / "operator.kubeconfig"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture(scope="module")
def operator(limited_kubeconfig, tmp_path_factory):
    """The operator, for all namespaces, as long as a module's tests run."""
    with api_server.run_operator(limited_kubeconfig, tmp_path_factory.mktemp("operator") / "log") as running:
        yield running
        assert "unexpected error" not in running.log, running.log


@pytest.fixture(scope="session")
def make_namespace(client):
    """Make a namespace that admits restricted pods only."""

    def make():
        name = f"test-{uuid.uuid4().hex[:8]}"
        enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
        client.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": enforce}})
        return api_server.Namespace(client, name)

    return make


@pytest.fixture
def ns(make_namespace):
    namespace = make_namespace()
    yield namespace
    for deployment in namespace.items(FLOW_DEPLOYMENTS):  # whose schedules would go on beside other tests
        namespace.delete(FLOW_DEPLOYMENTS, deployment["metadata"]["name"])

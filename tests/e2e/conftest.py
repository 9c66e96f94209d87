"""A real cluster, with the operator installed by the chart: the one of `make cluster`, or that of KUBECONFIG."""

import contextlib
import fcntl
import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import patience
import pytest
from control_plane import program
from e2e.package_index import PackageIndex, serve_wheels

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/millstream"
SYSTEM = "millstream-system"
RELEASE = "millstream"
FLOW_IMAGE = os.environ.get("MILLSTREAM_FLOW_IMAGE", "millstream-flow:dev")
WHEELS = ROOT / "dist/wheels"
ETL_IMAGE = os.environ.get("MILLSTREAM_FLOW_ETL_IMAGE", "millstream-flow-etl:dev")
FINAL = {"Completed", "Failed", "TimedOut", "Crashed", "Cancelled"}

Object = dict[str, Any]

eventually = partial(patience.eventually, pause=0.1)  # each question is a process


class Cluster:
    """kubectl, in a namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def kubectl(self, *arguments: str, body: object = None, check: bool = True) -> str:
        command = [program("kubectl"), "--namespace", self.namespace, *arguments]
        text = None if body is None else json.dumps(body)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def get(self, kind: str, name: str) -> Object | None:
        text = self.kubectl("get", kind, name, "--ignore-not-found", "--output=json")
        return json.loads(text) if text else None

    def items(self, kind: str, selector: str = "") -> list[Object]:
        return json.loads(self.kubectl("get", kind, f"--selector={selector}", "--output=json"))["items"]

    def apply(self, *objects: Object) -> None:
        for o in objects:
            self.kubectl("apply", "--filename=-", body=o)


class Runs(Cluster):
    """Deployments and runs of a test."""

    def deploy(self, name: str, code: str, /, **spec: Any) -> None:
        """Make a FlowDeployment whose flow `main` is this code."""
        source = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"flow.py": code},
        }
        base = {"entrypoint": "flow.py:main", "image": FLOW_IMAGE, "source": {"configMap": name}}
        self.apply(source, resource("FlowDeployment", name, base | spec))

    def start(self, deployment: str, name: str | None = None, /, **spec: Any) -> str:
        """Make a FlowRun, and give its name."""
        name = name or f"{deployment}-{uuid.uuid4().hex[:5]}"
        self.apply(resource("FlowRun", name, {"deploymentRef": {"name": deployment}} | spec))
        return name

    def status(self, run: str) -> Mapping[str, Any]:
        found = self.get("flowrun", run)
        return (found or {}).get("status", {})

    def until(self, run: str, *states: str, reason: str | None = None) -> Mapping[str, Any]:
        """Wait for one of these states."""

        def reached() -> Mapping[str, Any] | None:
            status = self.status(run)
            final_elsewhere = status.get("state") in FINAL - set(states)
            assert not final_elsewhere, f"{run} ended otherwise: {json.dumps(status, indent=1)}"
            fits = status.get("state") in states and reason in {None, status.get("reason")}
            return status if fits else None

        try:
            return eventually(reached, f"{run} {' or '.join(states)} {reason or ''}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe(run)}") from None

    def jobs(self, run: str) -> list[str]:
        return sorted(job["metadata"]["name"] for job in self.items("jobs", f"millstream.dev/run={run}"))

    def pod(self, run: str, attempt: int = 1) -> Object:
        def found() -> Object | None:
            selector = f"millstream.dev/run={run},millstream.dev/attempt={attempt}"
            return next(iter(self.items("pods", selector)), None)

        return eventually(found, f"pod of {run}")

    def describe(self, run: str) -> str:
        return self.kubectl("describe", "flowrun", run, check=False) + self.kubectl(
            "get", "jobs,pods", "--output=wide", check=False
        )


def resource(kind: str, name: str, spec: Mapping[str, Any]) -> Object:
    return {"apiVersion": "millstream.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _image_id(image: str) -> str:
    """Identify the image behind a tag, so that the operator is restarted when it is new."""
    command = ["docker", "image", "inspect", "--format={{.Id}}", image]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""


def helm(command: str, *arguments: object) -> None:
    """Do something to the operator's release, and wait until its pods are as they should be."""
    options = [f"--namespace={SYSTEM}", "--wait", patience.PATIENTLY]
    subprocess.run([program("helm"), command, *arguments, *options], check=True)


def upgrade(*options: str, chart: Path = CHART) -> None:
    """Install the operator from the chart, or change how it is installed."""
    # The cluster may have the CRDs of another branch, which this one may cut back.
    unasked = ["--set=preflight=false"] if chart == CHART else []
    image = os.environ.get("MILLSTREAM_OPERATOR_IMAGE", "millstream-operator:dev")
    repository, _, tag = image.rpartition(":")
    helm(
        "upgrade",
        RELEASE,
        chart,
        "--install",
        "--create-namespace",
        f"--set=image.repository={repository}",
        f"--set=image.tag={tag}",
        f"--set-string=podAnnotations.image={_image_id(image)}",
        *unasked,
        *options,
    )


@contextlib.contextmanager
def device(resource: str, number: int) -> Iterator[str]:
    """Have the only node, whose name this gives, say that it has devices, as a device plugin would have it say."""
    cluster = Cluster("default")
    (node,) = [o["metadata"]["name"] for o in cluster.items("nodes")]
    path = f"/status/capacity/{resource.replace('/', '~1')}"

    def patch(**change: str) -> None:
        operations = json.dumps([change | {"path": path}])
        cluster.kubectl("patch", "node", node, "--subresource=status", "--type=json", f"--patch={operations}")

    def offered() -> bool:
        return resource in (cluster.get("node", node) or {})["status"]["allocatable"]

    patch(op="add", value=str(number))
    eventually(offered, f"the node has {resource}")
    try:
        yield node
    finally:
        patch(op="remove")


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Cluster:
    """The operator, installed from the chart and ready."""
    # By the first of several processes that share the cluster.
    with (tmp_path_factory.getbasetemp().parent / f"installed-{testrun_uid}").open("a+") as installed:
        fcntl.flock(installed, fcntl.LOCK_EX)
        if not installed.seek(0, os.SEEK_END):
            upgrade()
            installed.write("yes")
    return Cluster(SYSTEM)


@contextlib.contextmanager
def namespace(config: pytest.Config) -> Iterator[str]:
    """A namespace that enforces the restricted pod security standard."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    cluster = Cluster("default")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    if not config.getoption("--keep-namespaces"):
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def runs(operator: Cluster, request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Deployments and runs, in a namespace of their own."""
    del operator
    with namespace(request.config) as name:
        yield Runs(name)


@pytest.fixture(scope="session")
def package_index(request: pytest.FixtureRequest) -> Iterator[PackageIndex]:
    """An index that has what examples/01_etl requires, for deployments that name requirements."""
    if not any(WHEELS.glob("*.whl")):
        pytest.fail(f"there are no wheels in {WHEELS} (make images)", pytrace=False)
    with namespace(request.config) as name:
        yield serve_wheels(Cluster(name), FLOW_IMAGE, WHEELS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-namespaces", action="store_true", help="leave the namespaces for a look")

"""A real API server as tests use it: objects in a namespace, and hands that do what a kubelet would."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from builders import TEMPLATE
from patience import HANG_SECONDS, eventually

from millstream.resources import labels
from millstream.resources.completion_record import CompletionRecord
from millstream.resources.model import API_VERSION
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, Kind

Object = dict[str, Any]

FINAL = {state.value for state in RunState if state.is_final}
COMPLETED = (0, {"state": RunState.COMPLETED})
FAILED = (1, {"state": RunState.FAILED, "reason": Reason.FLOW_FAILED, "message": "ValueError: no"})
INTERRUPTED = (143, {"state": RunState.CRASHED, "reason": Reason.INTERRUPTED})
STARTED = "2026-03-01T12:00:00Z"


class RefusedError(Exception):
    """The API server refused a request."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Client:
    """JSON over HTTP, as an administrator."""

    def __init__(self, url: str, token: str, authority: Path) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, no other authorities
        self._session.verify = str(authority)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._session.close()

    def call(self, method: str, path: str, body: Any = None, query: str = "", form: str = "") -> Object:
        headers = {"Content-Type": form or "application/json"}
        answer = self._session.request(
            method, self._url + path + query, json=body, headers=headers, timeout=HANG_SECONDS
        )
        if answer.status_code >= 400:
            raise RefusedError(answer.status_code, answer.json().get("message", ""))
        return answer.json()


class Namespace:
    """A namespace, in which an attempt's pod does what the test says."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    # --- objects ---

    def create(self, kind: Kind, o: Object) -> Object:
        return self._client.call("POST", kind.path(self.name), o, "?fieldValidation=Strict")

    def get(self, kind: Kind, name: str) -> Object | None:
        try:
            return self._client.call("GET", kind.path(self.name, name))
        except RefusedError as error:
            if error.code == 404:
                return None
            raise

    def items(self, kind: Kind) -> list[Object]:
        return self._client.call("GET", kind.path(self.name))["items"]

    def patch(self, kind: Kind, name: str, change: Object, part: str | None = None) -> Object:
        query = "?fieldValidation=Strict"
        form = "application/merge-patch+json"
        return self._client.call("PATCH", kind.path(self.name, name, part), change, query, form)

    def delete(self, kind: Kind, name: str, policy: str = "Background", **options: Any) -> None:
        self._client.call("DELETE", kind.path(self.name, name), {"propagationPolicy": policy, **options})

    # --- custom resources ---

    def deploy(self, name: str = "etl", **spec: Any) -> Object:
        return self.create(FLOW_DEPLOYMENTS, custom("FlowDeployment", name, TEMPLATE | spec))

    def run(self, name: str = "etl-1", **spec: Any) -> Object:
        origin = {} if "template" in spec else {"deploymentRef": {"name": "etl"}}
        return self.create(FLOW_RUNS, custom("FlowRun", name, origin | spec))

    def status(self, name: str = "etl-1") -> Object:
        run = self.get(FLOW_RUNS, name)
        return run.get("status", {}) if run else {}

    def becomes(self, state: RunState, reason: Reason | None = None, name: str = "etl-1") -> Object:
        """Wait until a run is in a state; give its status."""

        def probe() -> Object | None:
            status = self.status(name)
            if status.get("state") in FINAL and status["state"] != state:
                raise AssertionError(f"{name} became {status}")
            there = status.get("state") == state and reason in {None, status.get("reason")}
            return status if there else None

        return eventually(probe, f"{name} {state} {reason}; it is {self.status(name)}")

    def ready(self, name: str = "etl") -> Object:
        """Wait until the operator has looked at the newest form of a deployment; give its condition Ready."""

        def probe() -> Object | None:
            o = self.get(FLOW_DEPLOYMENTS, name)
            status = o.get("status", {})
            seen = status.get("observedGeneration") == o["metadata"]["generation"]
            return status["conditions"][0] if seen else None

        return eventually(probe, f"{name} Ready")

    # --- pods ---

    def pod(self, attempt: int = 1, run: str = "etl-1") -> Object:
        """Wait for the pod of an attempt."""

        def probe() -> Object | None:
            own = (labels.RUN, run), (labels.ATTEMPT, str(attempt))
            found = [p for p in self.items(PODS) if all(p["metadata"]["labels"].get(k) == v for k, v in own)]
            return found[0] if found else None

        return eventually(probe, f"pod of attempt {attempt} of {run}")

    def start(self, pod: Object, since: str = "") -> None:
        """Have a pod's container run, on a node that is not there."""
        if "nodeName" not in pod["spec"]:
            self._bind(pod)
        self.set_container(pod, {"running": {"startedAt": since or STARTED}}, phase="Running")

    def _bind(self, pod: Object) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
        meta = {"name": pod["metadata"]["name"]}
        path = PODS.path(self.name, meta["name"], "binding")
        self._client.call(
            "POST", path, {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
        )

    def finish(
        self,
        pod: Object,
        code: int,
        record: Object | str | None = None,
        reason: str | None = None,
        *,
        times: tuple[str, str] = ("", ""),
    ) -> None:
        """Have a pod's container end with an exit code and, if any, a completion record."""
        own = pod["metadata"]["labels"]
        message = record or ""
        if isinstance(record, dict):
            uid, attempt = own[labels.RUN_UID], int(own[labels.ATTEMPT])
            message = CompletionRecord(uid=uid, attempt=attempt, **record).encode().decode()
        since, until = times
        ended = until or datetime.now(UTC).isoformat(timespec="seconds")
        state = {
            "exitCode": code,
            "message": message,
            "startedAt": since or STARTED,
            "finishedAt": ended,
        }
        state |= {"reason": reason} if reason else {}
        self.set_container(pod, {"terminated": state}, phase="Failed" if code else "Succeeded")
        if "deletionTimestamp" in (self.get(PODS, pod["metadata"]["name"]) or pod)["metadata"]:
            self.delete(PODS, pod["metadata"]["name"], gracePeriodSeconds=0)

    def evict(self, pod: Object) -> None:
        """Take a pod away, as a drain does; its container is for the test to end."""
        # The disruption controller takes the condition away again that seems to be old.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        condition = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": now}
        self.patch(PODS, pod["metadata"]["name"], {"status": {"conditions": [condition]}}, "status")
        self.delete(PODS, pod["metadata"]["name"])

    def set_container(self, pod: Object, state: Object, phase: str) -> None:
        status = {
            "name": "flow",
            "image": "",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": state,
        }
        change = {"status": {"phase": phase, "containerStatuses": [status]}}
        self.patch(PODS, pod["metadata"]["name"], change, "status")

    def play(self, name: str, *ends: tuple[int, Object]) -> bool:
        """Do the kubelet's next step for a run whose attempts end as given; True when the run is final.

        A container ends only once the operator has said that it runs, so that a run has always the same life.
        """
        status = self.status(name)
        for pod in self.items(PODS):
            attempt = int(pod["metadata"]["labels"][labels.ATTEMPT])
            running = (status.get("state"), status.get("attempt")) == (RunState.RUNNING, attempt)
            if pod["status"]["phase"] == "Pending":
                self.start(pod)
            elif pod["status"]["phase"] == "Running" and running:
                self.finish(pod, *ends[attempt - 1])
        return status.get("state") in FINAL

    def is_let_go(self) -> bool:
        """Whether no pod is held for its outcome."""
        return not any(
            labels.OUTCOME_FINALIZER in p["metadata"].get("finalizers", ()) for p in self.items(PODS)
        )

    def job_names(self) -> list[str]:
        return sorted(job["metadata"]["name"] for job in self.items(JOBS))


def custom(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


class Operator:
    """The operator in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self.url = f"http://127.0.0.1:{eventually(self._port, 'the operator listens')}"
        eventually(self._is_ready, "the operator is ready")

    def _port(self) -> str | None:
        assert self.process.poll() is None, self.log
        found = re.search(r"0\.0\.0\.0:(\d+)", self.log)
        return found[1] if found else None

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        return self.fetch("/readyz").ok

    @property
    def log(self) -> str:
        return self._log.read_text()

    def fetch(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=HANG_SECONDS)


@contextmanager
def run_operator(kubeconfig: Path, log: Path, *arguments: str) -> Iterator[Operator]:
    """Run the operator, with no lease unless it is asked to: those of other tests are no standbys of it.

    What it counts is shown at once: a test reads it as it is, while Prometheus needs to see zero before that.
    """
    options = ["--port", "0", "--no-leader-election", "--scrape-seconds", "0", *arguments]
    command = [sys.executable, "-m", "millstream_operator", *options]
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Operator(process, log)
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)

"""How soon a cancelled run is Cancelled and its pod gone, on a real cluster, for flows that ignore SIGTERM.

    python benchmarks/cancel.py [--runs 50] [--at-once 5]

Needs `make images`, KUBECONFIG (eval "$(hack/cluster/cluster env)"), and the operator installed. The time is to be at
most the pod's grace period and 5 seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "hack/cluster"))

from control_plane import program  # noqa: E402  (found by the line above)

GRACE_SECONDS = 5
DEAF = """
import signal, time
from millstream import flow

@flow
def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)
"""


def kubectl(namespace: str, *arguments: str, body: object = None) -> str:
    command = [program("kubectl"), "--namespace", namespace, *arguments]
    text = None if body is None else json.dumps(body)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def custom(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "millstream.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def states(namespace: str, names: list[str]) -> dict[str, str]:
    found = json.loads(kubectl(namespace, "get", "flowruns", "--output=json"))["items"]
    states = {o["metadata"]["name"]: o.get("status", {}).get("state", "") for o in found}
    return {name: states.get(name, "") for name in names}


def pods(namespace: str) -> set[str]:
    found = json.loads(kubectl(namespace, "get", "pods", "--output=json"))["items"]
    return {o["metadata"]["labels"]["millstream.dev/run"] for o in found}


def cancel(namespace: str, names: list[str]) -> list[float]:
    """Start runs, cancel them when all run, and give the seconds until each is over."""
    for name in names:
        body = custom("FlowRun", name, {"deploymentRef": {"name": "deaf"}})
        kubectl(namespace, "create", "--filename=-", body=body)
    while set(states(namespace, names).values()) != {"Running"}:
        time.sleep(0.2)
    kubectl(namespace, "patch", "flowrun", *names, "--type=merge", '--patch={"spec":{"cancel":true}}')
    begin = time.perf_counter()
    over: dict[str, float] = {}
    while len(over) < len(names):
        there = pods(namespace)
        for name, state in states(namespace, names).items():
            if state == "Cancelled" and name not in there:
                over.setdefault(name, time.perf_counter() - begin)
    return list(over.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=5)
    options = parser.parse_args()
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    kubectl("default", "create", "namespace", namespace)
    try:
        source = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "deaf"},
            "data": {"flow.py": DEAF},
        }
        spec = {
            "entrypoint": "flow.py:main",
            "image": "millstream-flow:dev",
            "source": {"configMap": "deaf"},
            "pod": {"terminationGracePeriodSeconds": GRACE_SECONDS},
        }
        for o in (source, custom("FlowDeployment", "deaf", spec)):
            kubectl(namespace, "apply", "--filename=-", body=o)
        seconds: list[float] = []
        while len(seconds) < options.runs:
            count = min(options.at_once, options.runs - len(seconds))
            seconds += cancel(namespace, [f"deaf-{len(seconds) + n}" for n in range(count)])
            print(f"{len(seconds)} of {options.runs}", file=sys.stderr)
    finally:
        kubectl("default", "delete", "namespace", namespace, "--wait=false")
    limit = GRACE_SECONDS + 5
    within = sum(second <= limit for second in seconds)
    print(f"{within} of {len(seconds)} cancelled within grace + 5 = {limit} s of a flow that ignores SIGTERM")
    print(f"seconds: median {statistics.median(seconds):.1f}, max {max(seconds):.1f} (grace {GRACE_SECONDS})")


if __name__ == "__main__":
    main()

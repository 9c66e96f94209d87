"""A package index in the cluster: a pod that serves the wheels which hack/images fetched. Pods reach it wherever the cluster runs."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane import program
from packaging.utils import parse_wheel_filename
from patience import PATIENTLY

__all__ = ["PackageIndex", "serve_wheels"]

NAME = "packages"
FOLDER = "/packages"
PORT = 8080
TAKE = f"import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall('{FOLDER}')"

Object = dict[str, Any]


@dataclass(frozen=True)
class PackageIndex:
    """Where the index is, as seen from a pod of any namespace."""

    host: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{PORT}/"

    @property
    def env(self) -> list[dict[str, str]]:
        """What `spec.pod.env` of a deployment says to have its requirements installed from here."""
        variables = {"PIP_INDEX_URL": self.url, "PIP_TRUSTED_HOST": self.host, "UV_DEFAULT_INDEX": self.url}
        return [{"name": name, "value": value} for name, value in variables.items()]


def serve_wheels(cluster: Any, image: str, wheels: Path) -> PackageIndex:
    """Start the index in the namespace of a `Cluster`.

    Args:
        cluster: kubectl in the namespace.
        image: one with Python, for its web server.
        wheels: a folder of wheels.
    """
    content = _as_simple_index(wheels)
    cluster.apply(_pod(image), _service())
    cluster.kubectl("wait", f"pod/{NAME}", "--for=condition=Ready", PATIENTLY)
    command = [program("kubectl"), "--namespace", cluster.namespace, "exec", "--stdin", NAME, "--"]
    subprocess.run([*command, "python", "-c", TAKE], input=content, check=True)
    return PackageIndex(f"{NAME}.{cluster.namespace}.svc")


def _as_simple_index(wheels: Path) -> bytes:
    """A folder for each project, as installers look for them: what a web server lists is an index."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for wheel in sorted(wheels.glob("*.whl")):
            tar.add(wheel, f"{parse_wheel_filename(wheel.name)[0]}/{wheel.name}")
    return archive.getvalue()


def _pod(image: str) -> Object:
    server = {
        "name": "server",
        "image": image,
        "command": ["python", "-m", "http.server", str(PORT), f"--directory={FOLDER}"],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "wheels", "mountPath": FOLDER}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [server],
        "volumes": [{"name": "wheels", "emptyDir": {}}],
    }
    metadata = {"name": NAME, "labels": {"app": NAME}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _service() -> Object:
    spec = {"selector": {"app": NAME}, "ports": [{"port": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}

"""A bare Kubernetes control plane: etcd, kube-apiserver and, on request, kube-controller-manager.

No node, no pod, no root and no Docker; ready in a few seconds. For tests and benchmarks that want a real API
server and set the status of Jobs and pods themselves. The programs come from `hack/cluster/cluster tools`.

    python hack/cluster/control_plane.py        start one, print its KUBECONFIG, stop on Ctrl-C
"""

import base64
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ControlPlane", "MissingProgramsError", "free_port", "program", "running"]

_DEADLINE_SECONDS = 240
_PORTS = range(15_000, 30_000)
"""Linux gives none of these to a connection, which could have it by the time that the server starts."""
_PR_SET_PDEATHSIG = 1
_ADMIN_TOKEN = "admin-of-a-throw-away-control-plane"  # noqa: S105  (it guards an API server on loopback)


class MissingProgramsError(RuntimeError):
    """The control plane's programs are not there."""


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane.

    Attributes:
        url: of the API server, on loopback.
        kubeconfig: file with cluster-admin credentials.
        directory: where certificates, data and logs are.
    """

    url: str
    kubeconfig: Path
    directory: Path


def program(name: str) -> str:
    """Find a program in TEST_ASSET_<NAME>, the cluster cache or PATH."""
    cache = os.environ.get("MILLSTREAM_CLUSTER_CACHE") or Path.home() / ".cache/millstream/cluster"
    given = os.environ.get("TEST_ASSET_" + name.upper().replace("-", "_"))
    found = given or shutil.which(name, path=f"{cache}/bin{os.pathsep}{os.environ['PATH']}")
    if not found:
        raise MissingProgramsError(f"{name} is not there; build it with: hack/cluster/cluster tools")
    return found


@contextlib.contextmanager
def running(*, controllers: bool = False) -> Iterator[ControlPlane]:
    """Start a control plane and stop it in the end.

    Args:
        controllers: also run kube-controller-manager, so that Jobs make pods and owned objects are collected.
    """
    directory = Path(tempfile.mkdtemp(prefix="millstream-control-plane-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        etcd_url = _start_etcd(stack, directory)
        plane = _start_api_server(stack, directory, etcd_url)
        if controllers:
            _start_controllers(stack, directory, plane)
        yield plane


def _start_etcd(stack: contextlib.ExitStack, directory: Path) -> str:
    url, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    log = _start(
        stack,
        directory,
        "etcd",
        "--unsafe-no-fsync",
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    )
    _await(f"{url}/health", log)
    return url


def _start_api_server(stack: contextlib.ExitStack, directory: Path, etcd_url: str) -> ControlPlane:
    port = free_port()
    key = directory / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    tokens = directory / "tokens.csv"
    tokens.write_text(f'{_ADMIN_TOKEN},admin,admin,"system:masters"\n')
    log = _start(
        stack,
        directory,
        "kube-apiserver",
        f"--etcd-servers={etcd_url}",
        f"--cert-dir={directory}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--authorization-mode=RBAC",
        f"--token-auth-file={tokens}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--allow-privileged",
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
    )
    url = f"https://127.0.0.1:{port}"
    _await(f"{url}/readyz", log)
    plane = ControlPlane(url, directory / "kubeconfig", directory)
    _write_kubeconfig(plane, directory / "apiserver.crt")
    return plane


def _start_controllers(stack: contextlib.ExitStack, directory: Path, plane: ControlPlane) -> None:
    port = free_port()
    log = _start(
        stack,
        directory,
        "kube-controller-manager",
        f"--kubeconfig={plane.kubeconfig}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        f"--cert-dir={directory / 'controllers'}",
        "--leader-elect=false",
        "--controllers=job-controller,garbage-collector-controller,namespace-controller,disruption-controller,"
        "validatingadmissionpolicy-status-controller",
        "--concurrent-gc-syncs=4",
        # The default, 20 calls a second, would be what a burst of Jobs measures.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    )
    _await(f"https://127.0.0.1:{port}/healthz", log)


def _start(stack: contextlib.ExitStack, directory: Path, name: str, *arguments: str) -> Path:
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program(name), *arguments],
            stdout=output,
            stderr=output,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  (there are no threads yet)
        )
    stack.callback(_stop, process)
    return log


def _end_with_parent() -> None:
    """Have Linux end this process when the one that started it ends, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Nothing in it is to be kept, and a graceful end of the API server takes a minute.
    process.kill()
    process.wait()


def _await(url: str, log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {_ADMIN_TOKEN}"}
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError):
            request = urllib.request.Request(url, headers=headers)  # noqa: S310  (loopback)
            urllib.request.urlopen(request, timeout=2, context=context).close()  # noqa: S310
            return
        time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer; end of {log.name}:\n{log.read_text()[-3000:]}")


def _write_kubeconfig(plane: ControlPlane, certificate: Path) -> None:
    authority = base64.b64encode(certificate.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [
            {"name": "test", "cluster": {"server": plane.url, "certificate-authority-data": authority}}
        ],
        "users": [{"name": "admin", "user": {"token": _ADMIN_TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }
    plane.kubeconfig.write_text(json.dumps(config))


def free_port() -> int:
    """Find a port for a server that is about to start."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311  (no secret)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def main() -> None:
    """Run a control plane until a signal comes."""
    with running(controllers=True) as plane:
        sys.stdout.write(f"export KUBECONFIG={plane.kubeconfig}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()

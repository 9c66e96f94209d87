"""Write what config/ has of the chart: for kustomize, what `helm install` would make by default.

python hack/kustomize.py            write it
python hack/kustomize.py --check    exit 1 if a file is not current
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from generated import write_or_check

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "hack/cluster"))

from control_plane import program  # noqa: E402 - from a folder that is no package

CONFIG = ROOT / "config"
NAMESPACE = "millstream-system"
KUBERNETES = "1.32.0"
WATCHED = ("metrics.serviceMonitor.create=true", "alerts.create=true", "dashboards.create=true")
HOOK = "helm.sh/hook"

Object = dict[str, Any]


def files() -> dict[str, list[Object]]:
    """Give the objects of each file."""
    plain = _render()
    uninstall = [o for o in plain if _hook(o) == "post-delete"]
    plain = [o for o in plain if not _hook(o)]
    crds = [o for o in plain if o["kind"] == "CustomResourceDefinition"]
    monitoring = [o for o in _render(*WATCHED) if not _hook(o) and _id(o) not in map(_id, plain)]
    return {
        "crd/crds.yaml": crds,
        "operator/operator.yaml": [o for o in plain if o not in crds],
        "monitoring/monitoring.yaml": monitoring,
        "uninstall/release-pods.yaml": uninstall,
    }


def _render(*values: str) -> list[Object]:
    command = [
        program("helm"),
        "template",
        "millstream",
        ROOT / "charts/millstream",
        "--namespace",
        NAMESPACE,
    ]
    settings = [f"--set={value}" for value in ("test.create=false", *values)]
    done = subprocess.run(
        [*command, "--kube-version", KUBERNETES, *settings], check=True, capture_output=True, text=True
    )
    return [o for o in yaml.safe_load_all(done.stdout) if o]


def _hook(o: Object) -> str | None:
    return o["metadata"].get("annotations", {}).get(HOOK)


def _id(o: Object) -> tuple[str, str]:
    return o["kind"], o["metadata"]["name"]


def _without_helm(node: Object) -> Object:
    """Take away what only Helm understands, and say who has the objects instead."""
    metadata = dict(node["metadata"])
    metadata["labels"] = {k: v for k, v in metadata["labels"].items() if not k.startswith("helm.sh/")}
    if "app.kubernetes.io/managed-by" in metadata["labels"]:
        metadata["labels"]["app.kubernetes.io/managed-by"] = "kustomize"
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if not k.startswith("helm.sh/")}
    return node | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}


class _Dumper(yaml.SafeDumper):
    """Long texts line by line, as people wrote them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _documents(objects: list[Object]) -> Iterator[str]:
    yield "# Made from charts/millstream by `make generate`.\n"
    for o in objects:
        text = yaml.dump(_without_helm(o), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
        yield f"---\n{text}"


if __name__ == "__main__":
    sys.exit(
        max(write_or_check(CONFIG / name, "".join(_documents(objects))) for name, objects in files().items())
    )

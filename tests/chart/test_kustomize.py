"""kustomize installs what Helm does."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from chart.conftest import ROOT, VERSION
from patience import PATIENTLY

CONFIG = ROOT / "config"
INSTALL = ROOT / "docs/install.md"


WITH_HELM = ["kustomize.py", "chart_readme.py"]


def test_what_is_generated_is_checked_by_lint_or_here():
    rules = dict(re.findall(r"^(\w+):.*##.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    generated = {line.strip() for line in rules["generate"].splitlines()}
    here = {f"$(BIN)/python hack/{script}" for script in WITH_HELM}
    assert here == {line for line in generated if f"\t{line} --check\n" not in rules["lint"]}


@pytest.mark.parametrize("script", WITH_HELM)
def test_what_is_made_from_the_chart_is_current(script):
    done = subprocess.run(
        [sys.executable, ROOT / "hack" / script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def built(call):
    """Give what kustomize makes of a folder of config/."""

    def build(name):
        return list(yaml.safe_load_all(call("kubectl", "kustomize", CONFIG / name)))

    return build


def _without_labels(objects):
    for o in objects:
        o["metadata"].pop("labels", None)
        o["metadata"].pop("annotations", None)
    return {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in objects}


def _hook(o):
    return o["metadata"].get("annotations", {}).get("helm.sh/hook")


def test_the_same_is_installed(built, render):
    objects = built("default")
    for o in objects:
        if o["kind"] == "Namespace":
            assert o["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        else:
            labels = o["metadata"]["labels"]
            assert labels["app.kubernetes.io/managed-by"] == "kustomize"
            assert labels["app.kubernetes.io/part-of"] == "millstream"
        assert "helm.sh" not in str(o["metadata"])
    charts = [o for o in render({"test": {"create": False}}) if not _hook(o)]
    assert _without_labels([o for o in objects if o["kind"] != "Namespace"]) == _without_labels(charts)


def test_an_uninstall_has_the_charts_hook(built, render):
    hooks = [o for o in render() if _hook(o) == "post-delete"]
    assert _without_labels(built("uninstall")) == _without_labels(hooks)


def test_an_image_is_set_once_for_the_installation_and_the_uninstall(call, tmp_path):
    shutil.copytree(CONFIG, tmp_path / "millstream/config")
    documented = re.findall(r"^# (overlay/\S+)\n(.*?)^```$", INSTALL.read_text(), re.MULTILINE | re.DOTALL)
    for name, text in documented:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    for folder, kind in (("install", "Deployment"), ("uninstall", "Job")):
        objects = yaml.safe_load_all(call("kubectl", "kustomize", tmp_path / "overlay" / folder))
        (pod,) = [o["spec"]["template"]["spec"] for o in objects if o["kind"] == kind]
        (container,) = pod["containers"]
        assert container["image"] == f"registry.example.com/team/millstream-operator:{VERSION}"
        assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_monitoring_is_the_charts(built, render):
    create = {"create": True}
    values = {"metrics": {"serviceMonitor": create}, "alerts": create, "dashboards": create}
    plain = _without_labels(render())
    more = {key: o for key, o in _without_labels(render(values)).items() if key not in plain}
    assert _without_labels(built("monitoring")) == more
    assert {kind for kind, _, _ in more} >= {"ServiceMonitor", "PrometheusRule"}


def test_a_real_api_server_takes_it(kubectl, bare_cluster):
    kubectl("apply", "-k", CONFIG / "default")
    kubectl("wait", PATIENTLY, "--for=condition=Established", "-f", CONFIG / "crd/crds.yaml")
    again = kubectl("apply", "-k", CONFIG / "default")
    changed = [line for line in again.splitlines() if not line.endswith(" unchanged")]
    assert changed == []
    kubectl("delete", "-k", CONFIG / "operator")
    assert kubectl("get", "crds", "-l", "app.kubernetes.io/part-of=millstream", "-o", "name").count("\n") == 2
    kubectl("delete", "-f", CONFIG / "default/namespace.yaml")


def test_it_takes_over_what_helm_has_left(helm, kubectl, chart, bare_cluster):
    system = ("-n", "millstream-system")
    helm("install", "millstream", chart, *system, "--create-namespace", "--no-hooks")
    helm("uninstall", "millstream", *system, "--no-hooks")
    apply = ("apply", "--server-side", "-k", CONFIG / "default")
    assert 'conflict with "helm"' in kubectl(*apply, fails=True)
    kubectl(*apply, "--force-conflicts")
    kubectl("delete", "-k", CONFIG / "operator")
    kubectl("delete", "-f", CONFIG / "default/namespace.yaml")

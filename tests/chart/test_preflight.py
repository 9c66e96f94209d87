"""What is wrong is said before anything is changed, by a real API server's knowledge."""

import copy
import json
import re
import uuid

import pytest
import yaml
from chart.conftest import OFFLINE, ROOT
from patience import PATIENTLY

INSTALL = ROOT / "docs/install.md"

CRD = "flowruns.millstream.dev"
REVISION = "millstream.dev/schema-revision"
THEIRS = "its schema has the revision"


@pytest.fixture
def place(kubectl, bare_cluster):
    """A namespace for releases, in a cluster that knows nothing of Millstream."""
    name = f"preflight-{uuid.uuid4().hex[:5]}"
    kubectl("create", "namespace", name)
    return name


@pytest.fixture
def team(place):
    """Name of a namespace that is not there."""
    return f"{place}-team"


@pytest.fixture
def install(helm, chart, place):
    """Install or upgrade; with `fails`, give why not, and see that nothing has been changed by it."""

    def run(values=None, name="millstream", *, fails=False):
        arguments = ("upgrade", "--install", name, chart, "-n", place, "--no-hooks", "-f", "-")
        before = helm("get", "manifest", name, "-n", place, fails=None)
        said = helm(*arguments, stdin=json.dumps(values or {}), fails=fails)
        if fails:
            assert helm("get", "manifest", name, "-n", place, fails=None) == before
        return said

    return run


@pytest.fixture
def uninstall(helm, place):
    """Uninstall, without the hook, which needs a node."""

    def run(name="millstream"):
        helm("uninstall", name, "-n", place, "--no-hooks")

    return run


@pytest.fixture
def crds(render):
    """The chart's CustomResourceDefinitions, of no release."""
    found = [o for o in render() if o["kind"] == "CustomResourceDefinition"]
    for o in found:
        annotations = {REVISION: o["metadata"]["annotations"][REVISION]}
        o["metadata"] = {"name": o["metadata"]["name"], "annotations": annotations}
    return found


@pytest.fixture
def apply(kubectl):
    """Put CustomResourceDefinitions there by hand."""

    def run(objects):
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(objects))

    return run


def _revised(crds, revision):
    """Give the CustomResourceDefinitions with another revision of their schema; none with None."""
    crds = copy.deepcopy(crds)
    for o in crds:
        o["metadata"]["annotations"] = {REVISION: str(revision)} if revision is not None else {}
    (found,) = [o for o in crds if o["metadata"]["name"] == CRD]
    return crds, found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def test_a_namespace_that_is_not_there(install, kubectl, team):
    values = {"namespaces": ["default", team]}
    refusal = install(values, fails=True)
    assert f"namespaces: there is no namespace {team} in the cluster: create it first" in refusal
    kubectl("create", "namespace", team)
    kubectl("create", "configmap", "held", "-n", team)
    patch = ("patch", "configmap", "held", "-n", team, "--type=merge", "-p")
    kubectl(*patch, '{"metadata": {"finalizers": ["example.com/held"]}}')
    kubectl("delete", "namespace", team, "--wait=false")
    assert f"the namespace {team} is being deleted" in install(values, fails=True)
    kubectl(*patch, '{"metadata": {"finalizers": null}}')
    kubectl("wait", PATIENTLY, "--for=delete", f"namespace/{team}")
    kubectl("create", "namespace", team)
    install(values)


def test_a_namespace_for_the_test_that_is_not_there(install, kubectl, team):
    values = {"test": {"namespace": team}}
    assert f"test.namespace: there is no namespace {team} in the cluster" in install(values, fails=True)
    kubectl("create", "namespace", team)
    install(values)


def test_a_priority_class_that_is_not_there(install):
    refusal = install({"priorityClassName": "urgent"}, fails=True)
    assert "priorityClassName: there is no PriorityClass urgent in the cluster" in refusal
    install({"priorityClassName": "system-cluster-critical"})


@pytest.mark.parametrize("name", ["my.rel", "1x"])
def test_a_release_whose_name_no_service_can_have(call, chart, name):
    arguments = ("template", name, chart, "--kube-version", "1.32.0")
    refusal = call("helm", *arguments, fails=True)
    assert f"The release's objects would be named {name}-millstream" in refusal
    call("helm", *arguments, "--set", "fullnameOverride=mill")


def test_the_releases_own_namespace_may_come_with_it(helm, chart, team):
    arguments = ("install", "millstream", chart, "-n", team, "--create-namespace", "--no-hooks")
    helm(*arguments, "--set", f"namespaces={{{team}}}")
    helm("uninstall", "millstream", "-n", team, "--no-hooks")


def test_releases_that_serve_the_same_namespaces(install, uninstall, kubectl, place):
    for name in ("a", "b", "c"):
        kubectl("create", "namespace", f"{place}-{name}")

    def serving(*names):
        return {"namespaces": [f"{place}-{name}" for name in names]}

    other = {"crds": {"install": False}, "apiAccess": {"createRoles": False}}
    for first, second, both in (
        ({}, {}, "all namespaces"),
        ({}, serving("a", "b"), f"{place}-a, {place}-b"),
        (serving("a", "b"), {}, f"{place}-a, {place}-b"),
        (serving("a", "b"), serving("b", "c"), f"{place}-b"),
        (serving("a", "b"), serving("b"), f"{place}-b"),
    ):
        install(first)
        refusal = install(second | other, "second", fails=True)
        assert f"The release millstream in the namespace {place} serves {both} already" in refusal
        assert "give each release namespaces of its own" in refusal
    install(serving("c") | other, "second")
    install(serving("a", "b") | {"workers": 4})
    install(serving("c") | other | {"workers": 4}, "second")
    assert f"The release second in the namespace {place} serves {place}-c" in install(serving(), fails=True)
    uninstall("second")
    install(serving())


def test_crds_that_another_release_has(install, kubectl, place, team):
    kubectl("create", "namespace", team)
    install({"namespaces": [team]})
    values = {"namespaces": [place]}
    refusal = install(values, "second", fails=True)
    assert "flowdeployments.millstream.dev is there already, and belongs to the release millstream" in refusal
    assert f"in the namespace {place}" in refusal
    assert "crds.install=false" in refusal
    values |= {"crds": {"install": False}}
    refusal = install(values, "second", fails=True)
    assert "The ClusterRole millstream-run-read is there already" in refusal
    assert "Set apiAccess.createRoles=false" in refusal
    install(values | {"apiAccess": {"createRoles": False}}, "second")


def test_crds_that_came_without_helm_can_be_taken_over(install, apply, crds, kubectl):
    apply(crds)
    for _ in crds:
        refusal = install(fails=True)
        assert "is there already, and was not installed by Helm" in refusal
        for command in refusal.partition("give it to this release: ")[2].strip().split(" && "):
            kubectl(*command.split()[1:])
    install()


def test_crds_that_kustomize_took_over_from_this_release(install, apply, crds, kubectl, place):
    install()
    for o in crds:
        o["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "kustomize"}
    apply(crds)
    refusal = install(fails=True)
    assert (
        f"was installed by the release millstream in the namespace {place}, but is Helm's no longer"
        in refusal
    )
    assert "its label app.kubernetes.io/managed-by is kustomize" in refusal
    assert "&& kubectl label --overwrite" in refusal


def test_who_lacks_the_rights_is_told_what_to_set(helm, kubectl, chart, place):
    kubectl("create", "rolebinding", "ann", "-n", place, "--clusterrole=admin", "--user=ann")
    as_ann = ("-n", place, "--kube-as-user", "ann")
    refusal = helm("install", "millstream", chart, *as_ann, "--set", f"namespaces={{{place}}}", fails=True)
    assert "preflight=false" in refusal
    assert 'namespaces "kube-system" is forbidden' in refusal


def test_the_documented_role_is_enough_to_install_without_the_checks(call, kubectl, chart, place):
    page = INSTALL.read_text()
    (role,) = re.findall(r"^```yaml\n(.*?name: install-millstream.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (values,) = re.findall(r"--set (preflight=false,[^`]+)`", page)
    role = yaml.safe_load(role)
    role["metadata"]["namespace"] = place
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(role))
    bind = ("create", "rolebinding", "-n", place, "--user=ann")
    # What an API server's own controller, which is not there, gathers in the role admin.
    admin = [f"--clusterrole=system:aggregate-to-{name}" for name in ("admin", "edit", "view")]
    for number, granted in enumerate(admin):
        kubectl(*bind, granted, f"ann-{number}")
    values = f"{values},namespaces={{{place}}}"
    objects = call("helm", "template", "millstream", chart, *OFFLINE, "-n", place, "--set", values)
    as_ann = ("apply", "--as=ann", "-n", place, "-f", "-")
    assert "attempting to grant RBAC permissions not currently held" in kubectl(
        *as_ann, stdin=objects, fails=True
    )
    kubectl(*bind, "--role=install-millstream", "ann-more")
    kubectl(*as_ann, stdin=objects)


def test_crds_that_are_missing(install, call, chart, kubectl):
    values = {"crds": {"install": False}}
    refusal = install(values, fails=True)
    assert "crds.install is false, and there is no CustomResourceDefinition" in refusal
    command = refusal.rpartition("first: ")[2].partition(" | ")[0].replace("CHART", str(chart))
    manifest = call(*command.split())
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)
    install(values)


@pytest.mark.parametrize("revision", [None, 0])
def test_an_older_crd_that_is_left_to_others(install, apply, crds, revision):
    older, _ = _revised(crds, revision)
    apply(older)
    refusal = install({"crds": {"install": False}}, fails=True)
    assert f"flowdeployments.millstream.dev in the cluster is older than this chart's: {THEIRS} 0" in refusal
    apply(crds)
    install({"crds": {"install": False}})


def test_an_older_crd_of_this_release_is_upgraded(install, apply, crds, kubectl, place):
    older, fields = _revised(crds, None)
    del fields["tags"]
    fields["ofThen"] = {"type": "string"}
    for o in older:
        o["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
        o["metadata"]["annotations"] = {
            "meta.helm.sh/release-name": "millstream",
            "meta.helm.sh/release-namespace": place,
        }
    kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(older))
    install()
    found = json.loads(kubectl("get", "crd", CRD, "-o", "json"))
    fields = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert "tags" in fields
    assert found["metadata"]["annotations"][REVISION] == crds[0]["metadata"]["annotations"][REVISION]


def test_a_newer_crd_is_not_cut_back(install, apply, crds):
    install()
    newer, fields = _revised(crds, 99)
    del fields["tags"]
    apply(newer)
    refusal = install(fails=True)
    assert f"flowdeployments.millstream.dev in the cluster is newer than this chart's: {THEIRS} 99" in refusal
    install({"crds": {"install": False}})


def test_crds_are_not_deleted_by_leaving_them_out(install, kubectl):
    install({"crds": {"keep": False}})
    refusal = install({"crds": {"install": False}}, fails=True)
    assert "Helm would delete the CustomResourceDefinition flowdeployments.millstream.dev" in refusal
    install({"crds": {"keep": True}})
    install({"crds": {"install": False}})
    assert CRD in kubectl("get", "crds", "-o", "name")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("metrics.serviceMonitor.create", "ServiceMonitor"),
        ("metrics.podMonitor.create", "PodMonitor"),
        ("alerts.create", "PrometheusRule"),
    ],
)
def test_no_prometheus_operator(install, request, value, kind):
    values = True
    for name in reversed(value.split(".")):
        values = {name: values}
    refusal = install(values, fails=True)
    assert f"{value} is true, and the cluster does not know {kind} (monitoring.coreos.com/v1)" in refusal
    request.getfixturevalue("prometheus_operator")
    assert "Millstream" in install(values)


def test_nobody_looks_without_being_told_to(helm, chart, place, team, uninstall):
    values = f"namespaces={{{team}}},preflight=false"
    refusal = helm("install", "millstream", chart, "-n", place, "--no-hooks", "--set", values, fails=True)
    assert "namespaces: there is no" not in refusal
    assert f'namespaces "{team}" not found' in refusal  # the API server itself, in the middle of the work
    uninstall()


def test_values_that_contradict_each_other(install):
    both = {"create": True}
    refusal = install({"metrics": {"serviceMonitor": both, "podMonitor": both}}, fails=True)
    assert "everything would be counted twice" in refusal
    refusal = install({"metrics": {"serviceMonitor": both, "service": {"create": False}}}, fails=True)
    assert "metrics.serviceMonitor.create needs metrics.service.create" in refusal
    refusal = install({"alerts": {"disabled": ["Nonsense"]}}, fails=True)
    assert "alerts.disabled: there is no alert Nonsense" in refusal


def test_the_notes_say_which_label_prometheus_asks_for(install, place, prometheus_operator):
    nothing = "Nothing is watched by Prometheus yet"
    assert nothing in install()
    assert nothing in install({"alerts": {"create": True}}), "alerts without what they look at"
    notes = install({"metrics": {"serviceMonitor": {"create": True}}, "alerts": {"create": True}})
    assert nothing not in notes
    assert "--set alerts.labels.release=NAME,metrics.serviceMonitor.labels.release=NAME\n" in notes
    assert f"helm test millstream --namespace {place} --logs" in notes
    monitored = {"create": True, "labels": {"release": "prometheus"}}
    notes = install({"metrics": {"serviceMonitor": monitored}, "alerts": {"create": True}})
    assert "--set alerts.labels.release=NAME\n" in notes
    notes = install({"metrics": {"serviceMonitor": monitored}, "alerts": monitored})
    assert "release=NAME" not in notes


def test_the_notes_say_where_an_image_without_a_registry_comes_from(install):
    hint = "unless the nodes have the image millstream-operator:"
    assert hint in install()
    for image in ({"registry": "registry.example.com"}, {"tag": "dev"}, {"digest": f"sha256:{'0' * 64}"}):
        assert hint not in install({"image": image})

"""`millstream deploy` against a real API server."""

import json
from datetime import timedelta

import pytest

from millstream._cluster import cluster as cluster_module
from millstream._deploy import applying
from millstream.exceptions import ClusterUnreachable
from millstream.resources.kinds import FLOW_DEPLOYMENTS
from millstream_operator.kinds import REVISIONS, Kind

pytestmark = pytest.mark.control_plane

CONFIG_MAPS = Kind("", "v1", "configmaps")
SOURCE = "millstream.dev/source"
FLOW = """
from millstream import flow

@flow
def greet(names: list[str], times: int = 1):
    '''Greet people.'''
"""


@pytest.fixture
def project(call, tmp_path):
    folder = tmp_path / "project"
    (folder / "flows.py").write_text(FLOW)
    return folder


def done(result):
    assert result.exit_code == 0, result.output
    return result.stdout


def sources(ns):
    return {
        o["metadata"]["name"]: o for o in ns.items(CONFIG_MAPS) if SOURCE in o["metadata"].get("labels", {})
    }


def spec(ns, name="greet"):
    return ns.get(FLOW_DEPLOYMENTS, name)["spec"]


def age(ns, monkeypatch):
    """Have ConfigMaps be old enough to be deleted."""
    monkeypatch.setattr(applying, "_GRACE", timedelta(days=-1))


def test_a_flow_is_created_with_its_files_and_then_unchanged(call, ns, project):
    arguments = ("deploy", "flows.py", "--cron", "0 6 * * *", "-p", 'names=["Ada"]', "--retries", "2")
    result = call(*arguments)
    assert done(result) == "flowdeployment.millstream.dev/greet created\n"
    assert "set MILLSTREAM_DEPLOY_IMAGE" in result.stderr
    stored = ns.get(FLOW_DEPLOYMENTS, "greet")
    assert stored["spec"]["parameterSchema"]["required"] == ["names"]
    assert stored["spec"]["parameters"] == {"names": ["Ada"]}
    assert stored["spec"]["schedules"][0]["cron"] == "0 6 * * *"
    assert stored["spec"]["retryPolicy"]["failures"] == 2
    assert stored["spec"]["description"] == "Greet people."
    ((name, source),) = sources(ns).items()
    assert stored["spec"]["source"]["configMap"] == name
    assert source["data"] == {"flows.py": FLOW}
    assert source["immutable"] is True
    assert [owner["uid"] for owner in source["metadata"]["ownerReferences"]] == [stored["metadata"]["uid"]]
    assert done(call(*arguments)) == "flowdeployment.millstream.dev/greet unchanged\n"
    assert ns.get(FLOW_DEPLOYMENTS, "greet")["metadata"]["generation"] == 1


def test_a_package_and_requirements_travel(call, ns, project):
    (project / "lib").mkdir()
    (project / "lib" / "__init__.py").touch()
    (project / "lib" / "a.sql").write_text("select 1")
    (project / "flows.py").write_text(
        f"# /// script\n# dependencies = ['pandas>=2']\n# ///\nimport lib\n{FLOW}"
    )
    done(call("deploy", "flows.py"))
    source = spec(ns)["source"]
    assert [item["path"] for item in source["items"]] == ["flows.py", "lib/__init__.py", "lib/a.sql"]
    assert source["requirements"] == ["pandas>=2"]
    data = sources(ns)[source["configMap"]]["data"]
    assert data[source["items"][2]["key"]] == "select 1"
    assert "unchanged" in done(call("deploy", "flows.py"))


def test_changes_are_told_and_what_is_left_out_goes(call, ns, project):
    done(call("deploy", "flows.py", "--retries", "2", "--env", "TOKEN=abc", "--tag", "a"))
    told = done(call("deploy", "flows.py", "--retries", "3", "--env", "TOKEN=xyz")).splitlines()
    assert told == [
        "flowdeployment.millstream.dev/greet configured",
        "  spec.pod.env[TOKEN].value: (not shown) -> (not shown)",
        "  spec.retryPolicy.failures: 2 -> 3",
        '  spec.tags: ["a"] -> -',
    ]


def test_another_file_is_another_source_and_the_old_one_goes_later(call, ns, project, monkeypatch):
    done(call("deploy", "flows.py"))
    (first,) = sources(ns)
    (project / "flows.py").write_text(FLOW + "# 2\n")
    assert f'"{first}" ->' in done(call("deploy", "flows.py"))
    assert len(sources(ns)) == 2
    age(ns, monkeypatch)
    (project / "flows.py").write_text(FLOW + "# 3\n")
    result = call("deploy", "flows.py")
    assert f"configmap/{first} deleted" in result.stderr
    assert first not in sources(ns)
    assert len(sources(ns)) == 2


def test_a_source_that_a_live_run_froze_stays(call, ns, project, monkeypatch):
    done(call("deploy", "flows.py"))
    (first,) = sources(ns)
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "greet-1", "labels": {"millstream.dev/deployment": "greet"}},
        "revision": 1,
        "data": {"source": {"configMap": first}},
    }
    ns.create(REVISIONS, revision)
    age(ns, monkeypatch)
    for number in (2, 3):
        (project / "flows.py").write_text(f"{FLOW}# {number}\n")
        done(call("deploy", "flows.py"))
    assert first in sources(ns)


def test_a_young_source_that_nobody_names_yet_stays(call, ns, project):
    done(call("deploy", "flows.py"))
    orphan = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "greet-source-0", "labels": {SOURCE: "greet"}},
    }
    ns.create(CONFIG_MAPS, orphan)
    done(call("deploy", "flows.py"))
    assert "greet-source-0" in sources(ns)


@pytest.mark.parametrize("writes", [1, 2])
def test_who_dies_between_writes_goes_on_where_it_was(call, ns, project, monkeypatch, writes):
    class DeathError(Exception):
        pass

    made = []
    real = cluster_module.Cluster.apply

    def mortal(self, kind, body, *, dry_run=False, **options):
        if not dry_run:
            if len(made) == writes:
                raise DeathError
            made.append(kind.plural)
        return real(self, kind, body, dry_run=dry_run, **options)

    with monkeypatch.context() as patch:
        patch.setattr(cluster_module.Cluster, "apply", mortal)
        with pytest.raises(DeathError):
            call("deploy", "flows.py")
    assert made == ["configmaps", "flowdeployments"][:writes]
    if stored := ns.get(FLOW_DEPLOYMENTS, "greet"):
        assert stored["spec"]["source"]["configMap"] in sources(ns)
    done(call("deploy", "flows.py"))
    ((name, source),) = sources(ns).items()
    assert spec(ns)["source"]["configMap"] == name
    assert source["metadata"]["ownerReferences"]


def test_a_field_of_another_manager_is_named_and_taken_by_force(call, ns, project, kubectl):
    done(call("deploy", "flows.py", "--retries", "2"))
    change = '{"spec":{"retryPolicy":{"failures":7}}}'
    kubectl("patch", "fdep", "greet", "-n", ns.name, "--type=merge", "-p", change, "--field-manager=alice")
    result = call("deploy", "flows.py", "--retries", "3")
    assert result.exit_code == 2
    assert "spec.retryPolicy.failures is alice's" in result.stderr
    assert "--force" in result.stderr
    assert spec(ns)["retryPolicy"]["failures"] == 7
    assert "failures: 7 -> 3" in done(call("deploy", "flows.py", "--retries", "3", "--force"))


@pytest.mark.parametrize("how", ["command", "option"])
def test_what_is_paused_stays_paused(call, ns, project, how):
    done(call("deploy", "flows.py", *(["--suspend"] if how == "option" else [])))
    if how == "command":
        done(call("deployment", "pause", "greet"))
    for number in range(2):
        result = call("deploy", "flows.py", "--retries", str(number))
        done(result)
        assert "greet is paused as before: `millstream deployment resume greet`" in result.stderr
        assert spec(ns)["suspend"] is True


def test_what_was_resumed_is_paused_again_when_it_is_said(call, ns, project):
    done(call("deploy", "flows.py", "--suspend"))
    done(call("deployment", "resume", "greet"))
    done(call("deploy", "flows.py"))
    assert spec(ns)["suspend"] is False
    done(call("deploy", "flows.py", "--suspend"))
    assert spec(ns)["suspend"] is True


def test_nothing_is_created_if_one_of_several_is_refused(call, ns, project):
    text = """
deployments:
- {name: good, entrypoint: "flows.py:greet"}
- {name: bad, entrypoint: "flows.py:greet", pod: {volumeMounts: [{name: none, mountPath: /data}]}}
"""
    (project / "millstream.yaml").write_text(text)
    result = call("deploy")
    assert result.exit_code == 2
    assert "bad cannot be deployed" in result.stderr
    assert "each of volumeMounts must name one of volumes" in result.stderr
    assert ns.items(FLOW_DEPLOYMENTS) == []
    assert sources(ns) == {}


def test_a_dry_run_on_the_server_changes_nothing(call, ns, project):
    assert done(call("deploy", "flows.py", "--dry-run=server")) == (
        "flowdeployment.millstream.dev/greet created (server dry run)\n"
    )
    assert ns.items(FLOW_DEPLOYMENTS) == []
    assert sources(ns) == {}


def test_kubectl_takes_what_a_dry_run_prints(call, ns, project, kubectl):
    printed = done(call("deploy", "flows.py", "--dry-run", "-o", "json"))
    applied = kubectl("apply", "-n", ns.name, "-f", "-", body=json.loads(printed))
    assert applied.count("created") == 2, applied
    assert "unchanged" in done(call("deploy", "flows.py"))


def test_kubectl_reads_the_texts_that_are_printed(call, ns, project, kubectl, tmp_path):
    texts = {
        "A": "y",
        "B": "1e3",
        "C": "5e10423",
        "D": "0o17",
        "E": "1:30",
        "F": "~",
        "G": "off",
        "H": "0x1F",
    }
    (project / "data.txt").write_bytes("a\x85b\u2028\r\n\tc\n".encode())
    given = [part for name, text in texts.items() for part in ("--env", f"{name}={text}")]
    printed = done(call("deploy", "flows.py", "--include", "data.txt", *given, "--dry-run", "-o", "yaml"))
    (tmp_path / "printed.yaml").write_text(printed)
    applied = kubectl("apply", "-n", ns.name, "-f", tmp_path / "printed.yaml")
    assert applied.count("created") == 2, applied
    assert {one["name"]: one["value"] for one in spec(ns)["pod"]["env"]} == texts
    ((_, source),) = sources(ns).items()
    assert source["data"]["data.txt"] == "a\x85b\u2028\r\n\tc\n"


def test_the_namespace_may_name_the_image(call, ns, project):
    defaults = {"metadata": {"name": "millstream-defaults"}, "data": {"image": "flows:1"}}
    ns.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap"} | defaults)
    assert call("deploy", "flows.py").stderr == ""


def test_results_that_would_go_with_the_pod_are_told(call, ns, project):
    lost = "greet: results are kept, but no storage is named"
    order = ("deploy", "flows.py", "--image", "flows:1")
    assert "results" not in call(*order).stderr
    (project / "flows.py").write_text(FLOW.replace("@flow", "@flow(persist_result=True)"))
    assert lost in call(*order).stderr
    assert "results" not in call(*order, "--env", "MILLSTREAM_STORAGE=s3://flows/a").stderr
    assert lost in call(*order, "--dry-run=server").stderr
    defaults = {"metadata": {"name": "millstream-defaults"}, "data": {"storage": "{url: s3://flows/a}"}}
    ns.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap"} | defaults)
    assert "results" not in call(*order).stderr


def test_a_setting_may_name_the_image(call, ns, project, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_DEPLOY_IMAGE", "flows:2")
    assert call("deploy", "flows.py").stderr == ""
    assert spec(ns)["image"] == "flows:2"


def test_an_image_of_its_own_has_the_files(call, ns, project):
    done(call("deploy", "flows.py", "--image", "etl:1"))
    assert spec(ns)["image"] == "etl:1"
    assert "source" not in spec(ns)
    assert sources(ns) == {}


FAKE_DOCKER = """#!/bin/sh
echo "$1" >> "$0.calls"
if [ "$1" = build ]; then echo sha256:0123456789abcdef > "$3"; fi
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    program = tmp_path / "home" / "docker"
    program.write_text(FAKE_DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return program.with_name("docker.calls")


def test_an_image_that_was_built_is_deployed(call, ns, project, docker):
    (project / "Dockerfile").write_text("FROM flows:1")
    (project / "flows.py").write_text(f"# /// script\n# dependencies = ['pandas']\n# ///\n{FLOW}")
    result = call("deploy", "flows.py", "--build", "--image", "team/etl")
    done(result)
    assert spec(ns)["image"] == "team/etl:0123456789ab"
    assert spec(ns)["source"] == {"requirements": ["pandas"]}
    assert "kind load docker-image team/etl:0123456789ab" in result.stderr
    assert "unchanged" in done(call("deploy", "flows.py", "--build", "--push", "--image", "team/etl"))


TWO = """
deployments:
- {name: first, entrypoint: "flows.py:greet"}
- {name: second, entrypoint: "other.py:greet"}
"""


def test_several_share_an_image(call, ns, project, docker):
    (project / "Dockerfile").write_text("FROM flows:1")
    (project / "other.py").write_text(FLOW)
    (project / "millstream.yaml").write_text(TWO)
    done(call("deploy", "--build", "--push", "--image", "team/etl:7"))
    assert [spec(ns, name)["image"] for name in ("first", "second")] == ["team/etl:7"] * 2
    assert docker.read_text().split() == ["build", "tag", "push"]


def test_nothing_is_built_for_what_is_refused(call, ns, project, docker, kubectl):
    (project / "Dockerfile").write_text("FROM flows:1")
    done(call("deploy", "flows.py", "--retries", "2"))
    change = '{"spec":{"retryPolicy":{"failures":7}}}'
    kubectl("patch", "fdep", "greet", "-n", ns.name, "--type=merge", "-p", change, "--field-manager=alice")
    result = call("deploy", "flows.py", "--retries", "3", "--build", "--push")
    assert "spec.retryPolicy.failures is alice's" in result.stderr
    assert not docker.exists()


def test_what_is_stored_is_told_when_a_later_one_fails(call, ns, project, monkeypatch):
    (project / "other.py").write_text(FLOW)
    (project / "millstream.yaml").write_text(TWO)
    real = cluster_module.Cluster.apply

    def away(self, kind, body, *, dry_run=False, **options):
        if not dry_run and body["metadata"]["name"] == "second":
            raise ClusterUnreachable("It is away.")
        return real(self, kind, body, dry_run=dry_run, **options)

    monkeypatch.setattr(cluster_module.Cluster, "apply", away)
    result = call("deploy", "-o", "name")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "flowdeployment.millstream.dev/first created\n" in result.stderr
    assert "It is away." in result.stderr


@pytest.mark.parametrize("when", ["after the plan", "after the last look"])
@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_who_pauses_or_resumes_meanwhile_has_the_later_word(call, ns, project, monkeypatch, when, verb):
    done(call("deploy", "flows.py"))
    if verb == "resume":
        done(call("deployment", "pause", "greet"))
    real_get, real_apply = cluster_module.Cluster.get, cluster_module.Cluster.apply
    planned, changed = [], []

    def apply(self, kind, body, *, dry_run=False, **options):
        planned.extend([body] if dry_run and kind.plural == "flowdeployments" else [])
        return real_apply(self, kind, body, dry_run=dry_run, **options)

    def get(self, kind, *arguments, **options):
        if not planned or changed or kind.plural != "flowdeployments":
            return real_get(self, kind, *arguments, **options)
        changed.append(verb)
        found = real_get(self, kind, *arguments, **options)
        done(call("deployment", verb, "greet"))
        return found if when == "after the last look" else real_get(self, kind, *arguments, **options)

    monkeypatch.setattr(cluster_module.Cluster, "apply", apply)
    monkeypatch.setattr(cluster_module.Cluster, "get", get)
    done(call("deploy", "flows.py", "--retries", "3"))
    assert changed
    assert spec(ns).get("suspend", False) is (verb == "pause")
    assert spec(ns)["retryPolicy"]["failures"] == 3


def test_what_others_change_meanwhile_is_not_taken(call, ns, project, monkeypatch, kubectl):
    done(call("deploy", "flows.py", "--suspend"))
    done(call("deployment", "resume", "greet"))
    real, taken = cluster_module.Cluster.apply, []

    def apply(self, kind, body, *, dry_run=False, **options):
        if kind == FLOW_DEPLOYMENTS and not dry_run and not taken:
            change = '{"spec":{"retryPolicy":{"failures":7}}}'
            taken.append(
                kubectl(
                    "patch",
                    "fdep",
                    "greet",
                    "-n",
                    ns.name,
                    "--type=merge",
                    "-p",
                    change,
                    "--field-manager=alice",
                )
            )
        return real(self, kind, body, dry_run=dry_run, **options)

    monkeypatch.setattr(cluster_module.Cluster, "apply", apply)
    result = call("deploy", "flows.py", "--suspend", "--retries", "3")
    assert result.exit_code != 0
    assert spec(ns)["retryPolicy"]["failures"] == 7


def test_revisions_of_others_are_not_looked_at(call, ns, project, monkeypatch):
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "other"}}
    ns.create(REVISIONS, revision | {"revision": 1, "data": {"source": "text"}})
    age(ns, monkeypatch)
    for number in range(3):
        (project / "flows.py").write_text(f"{FLOW}# {number}\n")
        result = call("deploy", "flows.py")
        done(result)
    assert "deleted: no run needs these files" in result.stderr


@pytest.mark.parametrize("verb", ["patch flowdeployments.millstream.dev", "patch configmaps"])
def test_rights_that_are_missing_are_named(call, ns, project, kubectl, tmp_path, verb):
    allowed = {"flowdeployments.millstream.dev", "configmaps"} - {verb.split()[1]}
    rules = [
        {"apiGroups": ["millstream.dev"], "resources": ["flowdeployments"], "verbs": ["get"]},
        *(
            {"apiGroups": [group], "resources": [name], "verbs": ["*"]}
            for name, _, group in (one.partition(".") for one in allowed)
        ),
    ]
    role = {"kind": "Role", "metadata": {"name": "some"}, "rules": rules}
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "some"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
        "subjects": [{"kind": "ServiceAccount", "name": "someone", "namespace": ns.name}],
    }
    kubectl("create", "serviceaccount", "someone", "-n", ns.name)
    for one in (role, binding):
        kubectl("apply", "-n", ns.name, "-f", "-", body={"apiVersion": "rbac.authorization.k8s.io/v1", **one})
    token = kubectl("create", "token", "someone", "-n", ns.name).strip()
    path = tmp_path / "home" / "kubeconfig"
    config = json.loads(path.read_text())
    config["users"][0]["user"] = {"token": token}
    path.write_text(json.dumps(config))
    result = call("deploy", "flows.py")
    assert result.exit_code == 1
    assert "`millstream doctor` says which rights you lack." in result.stderr
    assert f"You may not {verb} in namespace {ns.name}" in result.stderr
    assert sources(ns) == {}


def test_crds_of_another_version_are_told(call, ns, project, monkeypatch):
    real = cluster_module.Cluster.apply

    def newer(self, kind, body, **options):
        if kind == FLOW_DEPLOYMENTS:
            body = {**body, "spec": {**body["spec"], "fromTheFuture": 1}}
        return real(self, kind, body, **options)

    monkeypatch.setattr(cluster_module.Cluster, "apply", newer)
    result = call("deploy", "flows.py")
    assert result.exit_code == 2
    assert ".spec.fromTheFuture: field not declared in schema. The CRDs" in result.stderr
    assert "of the cluster are of another version" in result.stderr


def test_a_cluster_without_millstream_says_so(call, ns, project, monkeypatch):
    monkeypatch.setattr(
        "millstream._deploy.applying.FLOW_DEPLOYMENTS", Kind("millstream.dev", "v2", "flowdeployments")
    )
    result = call("deploy", "flows.py")
    assert result.exit_code == 1
    assert "Millstream is not installed in it, or in another version" in result.stderr
    assert sources(ns) == {}

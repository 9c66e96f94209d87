"""Finding a cluster by kubeconfigs that are as people have them, broken ones too."""

from threading import Thread

import pytest
from kubernetes.client import Configuration
from kubernetes.config import load_kube_config_from_dict
from yaml import safe_load

from millstream._cluster.connection import Place
from millstream._cluster.kinds import FLOW_RUNS
from millstream._cluster.tls import tls_context
from millstream.exceptions import ClusterForbidden, ClusterUnreachable, ObjectNotFound, SettingsError
from millstream.settings import temporary_settings

KUBECONFIG = """
contexts: [{name: c, context: {cluster: c, user: u, namespace: team}}, {name: d, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: u, user: {token: t}}]
"""


@pytest.fixture
def kubeconfig(tmp_path):
    def written(content):
        path = tmp_path / "kubeconfig"
        path.write_text(content)
        return str(path)

    return written


@pytest.mark.parametrize(
    "current", ["", "current-context: ''", "current-context: c", "current-context: gone"]
)
def test_a_context_that_is_named_needs_no_current_one(kubeconfig, current):
    path = kubeconfig(f"{KUBECONFIG}{current}\n")
    assert Place(path, "c").connect().namespace == "team"
    assert Place(path, "d").connect().namespace == "default"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is no kubeconfig: while parsing .* line 1"),
        ("- a", "is no kubeconfig: it has another form"),
        ("text", "is no kubeconfig: it has another form"),
        ("contexts: 5", "is no kubeconfig: it has another form"),
        ("", "No cluster is configured: .* file is empty"),
        (KUBECONFIG, "No cluster is configured: .*current-context"),
    ],
)
def test_what_is_no_kubeconfig_is_told(kubeconfig, content, said):
    with pytest.raises(ClusterUnreachable, match=said) as raised:
        Place(kubeconfig(content)).connect()
    assert ".." not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_missing_is_named(kubeconfig, tmp_path):
    with pytest.raises(ClusterUnreachable, match=r"No cluster is configured: there is no file .*/none\. Set"):
        Place(str(tmp_path / "none")).connect()
    with pytest.raises(ClusterUnreachable, match=r"kubeconfig has no context 'x'; it has c, d\. Set"):
        Place(kubeconfig(KUBECONFIG), "x").connect()
    with pytest.raises(ClusterUnreachable, match=r"kubeconfig has no context 'gone'; it has c, d\. Set"):
        Place(kubeconfig(f"{KUBECONFIG}current-context: gone\n")).connect()
    with pytest.raises(ClusterUnreachable, match=r"kubeconfig has no context 'x'; it has none\. Set"):
        Place(kubeconfig("contexts: []\n"), "x").connect()


def test_bytes_are_no_kubeconfig(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ClusterUnreachable, match="bytes is no kubeconfig: "):
        Place(str(tmp_path / "bytes")).connect()


def test_a_server_without_a_scheme_is_refused(kubeconfig):
    path = kubeconfig(KUBECONFIG.replace("http://127.0.0.1:1", "127.0.0.1:1"))
    with pytest.raises(ClusterUnreachable, match=r"its server '127.0.0.1:1' does not begin with https://"):
        Place(path, "c").connect()


def test_who_cannot_log_in_is_not_sent_on_as_nobody(kubeconfig, capfd):
    login = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, interactiveMode: Never}}"
    path = kubeconfig(KUBECONFIG.replace("{token: t}", login))
    with pytest.raises(ClusterForbidden, match=r"logs in failed: .*no-such-login.*Install or mend it"):
        Place(path, "c").connect()
    assert "".join(capfd.readouterr()) == ""


def test_nobody_is_blamed_for_the_login_of_another_thread(kubeconfig, monkeypatch):
    login = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, interactiveMode: Never}}"
    broken = safe_load(KUBECONFIG.replace("{token: t}", login))

    def beside_another(configuration):
        other = Thread(target=load_kube_config_from_dict, args=(broken, "c", Configuration()))
        other.start()
        other.join()
        return tls_context(configuration)

    monkeypatch.setattr("millstream._cluster.tls.tls_context", beside_another)
    assert Place(kubeconfig(KUBECONFIG), "c").connect().namespace == "team"


@pytest.mark.parametrize("namespace", ["..", ".", "a/b", "a#b", "Team"])
def test_a_namespace_that_cannot_be_is_told_before_anything_is_asked(kubeconfig, namespace):
    path = kubeconfig(KUBECONFIG)
    with pytest.raises(SettingsError, match="is no name of a namespace"):
        Place(path, "c", namespace).connect()
    with temporary_settings({"MILLSTREAM_CLUSTER_NAMESPACE": namespace}), pytest.raises(SettingsError):
        Place(path, "c").connect()


@pytest.mark.parametrize("name", [".", ".."])
def test_a_path_is_no_name(kubeconfig, name):
    with pytest.raises(ObjectNotFound, match="is no name"):
        Place(kubeconfig(KUBECONFIG), "c").connect().get(FLOW_RUNS, name)

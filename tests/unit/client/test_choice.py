"""Which of the two a client reads, without asking any of them."""

import subprocess
import sys

import pytest

from millstream import deployments
from millstream.client import get_client
from millstream.client._async import MillstreamClient
from millstream.client._cluster_runs import ClusterRuns
from millstream.client._local import LocalRuns
from millstream.client._sync import SyncMillstreamClient
from millstream.exceptions import SettingsError
from millstream.settings import temporary_settings
from millstream.testing import harness


def read_by(**options):
    return type(get_client(sync_client=True, **options)._runs)


def test_the_setting_says_and_the_call_may_say_otherwise():
    with temporary_settings(restore_defaults=["MILLSTREAM_API"]):
        assert read_by() is LocalRuns
        assert read_by(api="cluster") is ClusterRuns
    with temporary_settings({"MILLSTREAM_API": "cluster"}):
        assert read_by() is ClusterRuns
        assert read_by(api="local") is LocalRuns
        with harness():
            assert read_by() is LocalRuns
    with (
        temporary_settings({"MILLSTREAM_API": "server"}),
        pytest.raises(SettingsError, match="`local` or `cluster`"),
    ):
        get_client()


def test_a_profile_may_say(tmp_path):
    (tmp_path / "profiles.toml").write_text('active = "team"\n[profiles.team]\nMILLSTREAM_API = "cluster"\n')
    with temporary_settings({"MILLSTREAM_HOME": tmp_path}):
        assert read_by() is ClusterRuns


def test_both_flavours():
    for api in ("local", "cluster"):
        assert type(get_client(api=api)) is MillstreamClient
        assert type(get_client(api=api, sync_client=True)) is SyncMillstreamClient


def test_a_client_of_a_cluster_loads_what_finds_it_only_when_it_is_asked():
    code = (
        "import sys; from millstream.client import get_client; get_client(sync_client=True); "
        "assert 'millstream._cluster' not in sys.modules; get_client(api='cluster'); "
        "assert 'kubernetes' not in sys.modules; import millstream.deployments; assert 'kubernetes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra(monkeypatch):
    code = (
        "import sys; sys.modules['kubernetes'] = None; from millstream.client import get_client; "
        "get_client(api='cluster', sync_client=True).read_flow_runs()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("pip install 'millstream[kubernetes]'.")
    monkeypatch.setitem(sys.modules, "millstream._cluster.new_runs", None)
    monkeypatch.delitem(sys.modules, "millstream.client._cluster_deployments", raising=False)
    with pytest.raises(Exception, match=r"pip install 'millstream\[kubernetes\]'"):
        get_client(api="cluster")


@pytest.mark.parametrize("name", ["deploy", "RunnerDeployment"])
def test_what_the_module_of_prefect_has_besides(name):
    with pytest.raises((ImportError, AttributeError), match=f"has no .*{name}"):
        getattr(deployments, name)

"""`millstream run ls`, `show`, `cancel`, ...: what is done with the runs of a cluster."""

import json
import sys

import pytest
import yaml
from api_server import COMPLETED, FAILED, custom
from builders import TEMPLATE
from click.shell_completion import ShellComplete
from patience import eventually

from millstream.cli._app import root
from millstream.resources.labels import RETRY_OF
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS

pytestmark = pytest.mark.control_plane


@pytest.fixture
def many(operator, ns):
    """Runs that have ended in several ways, and one that waits for its time."""
    ns.deploy(retryPolicy={"failures": 0})
    for name, end, spec in (
        ("good-1", COMPLETED, {"tags": ["nightly", "a"]}),
        ("bad-1", FAILED, {"tags": ["nightly"], "parameters": {"n": 1}, "priority": 7}),
        ("bad-2", FAILED, {}),
    ):
        ns.run(name, **spec)
        eventually(lambda name=name, end=end: ns.play(name, end))
    ns.run("later", scheduledTime="2100-01-01T00:00:00Z")
    ns.becomes(RunState.SCHEDULED, name="later")
    return ns


@pytest.fixture
def terminal(monkeypatch):
    """Somebody who can be asked."""

    class Terminal:
        isatty = staticmethod(lambda: True)

    monkeypatch.setattr("millstream.cli._many.sys", _Sys())


class _Sys:
    stdin = type("Terminal", (), {"isatty": staticmethod(lambda: True)})
    exit = staticmethod(sys.exit)


def names(result):
    assert result.exit_code == 0, result.stderr
    return {line.removeprefix("flowrun.millstream.dev/") for line in result.stdout.split()}


def test_runs_are_found_by_what_is_said_of_them(many, call):
    everything = {"good-1", "bad-1", "bad-2", "later"}
    for options, expected in (
        ((), everything),
        (("--state", "live"), {"later"}),
        (("--state", "unsuccessful"), {"bad-1", "bad-2"}),
        (("--state", "COMPLETED", "--state", "scheduled"), {"good-1", "later"}),
        (("--reason", "flowfailed"), {"bad-1", "bad-2"}),
        (("--deployment", "etl"), everything),
        (("--deployment", "other"), set()),
        (("--deployment", "etl", "--deployment", "other"), everything),
        (("--tag", "nightly", "--tag", "a"), {"good-1"}),
        (("--name", "bad-*", "--since", "1h"), {"bad-1", "bad-2"}),
        (("--before", "1h"), set()),
        (("--limit", "1", "--sort", "name"), {"bad-1"}),
        (("--limit", "1", "--sort", "ended"), {"later"}),
    ):
        assert names(call("run", "ls", "-o", "name", *options)) == expected, options


def test_a_list_for_people_and_one_for_programs(many, call):
    told = call("run", "ls", "--sort", "name").stdout.splitlines()
    assert told[0].split() == ["NAME", "DEPLOYMENT", "STATE", "REASON", "AGE", "DURATION", "ATTEMPTS"]
    assert told[1].split()[:4] == ["bad-1", "etl", "Failed", "FlowFailed"]
    document = json.loads(call("run", "ls", "-o", "json", "--name", "bad-1").stdout)
    assert (document["kind"], len(document["items"])) == ("List", 1)
    (run,) = document["items"]
    assert (run["kind"], "managedFields" in run["metadata"]) == ("FlowRun", False)
    assert run["spec"]["parameters"] == {"n": 1}
    assert "NAMESPACE" in call("run", "ls", "-A").stdout.splitlines()[0]
    nothing = call("run", "ls", "--state", "paused")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (
        0,
        "",
        f"No runs found in namespace {many.name}.\n",
    )


def test_a_state_that_there_is_not(ns, call):
    result = call("run", "ls", "--state", "faild")
    assert result.exit_code == 2
    assert "'faild' is no state: write one of live, final, unsuccessful, Scheduled" in result.stderr


def test_a_run_is_shown(many, call):
    told = call("run", "show", "flowrun.millstream.dev/bad-1").stdout
    for said in ("Failed FlowFailed", "ValueError: no", "Parameter n:", "queued ", "starting ", "nightly"):
        assert said in told
    assert told.count("FlowFailed") >= 2  # of the run and of its attempt
    assert yaml.safe_load(call("run", "show", "bad-1", "-o", "yaml").stdout)["metadata"]["name"] == "bad-1"
    assert call("run", "show", "--last", "-o", "name").stdout.startswith("flowrun.millstream.dev/")


@pytest.mark.parametrize("name", [".", "..", "etl-1#x", "etl-1?x", "%2e%2e"])
def test_a_name_that_is_none_reaches_nothing(many, call, name):
    for verb in ("show", "delete", "cancel"):
        result = call("run", verb, name)
        assert (result.exit_code, "is no name" in result.stderr) == (2, True)


def test_secrets_of_a_run_are_not_shown(operator, ns, call):
    secret = {"anyOf": [{"type": "string", "writeOnly": True}, {"type": "null"}]}
    schema = {"type": "object", "properties": {"password": secret, "n": {"type": "integer"}}}
    ns.deploy(parameterSchema=schema)
    ns.run(parameters={"password": "hunter2", "n": 5}, scheduledTime="2100-01-01T00:00:00Z")
    shown = call("run", "show", "etl-1").stdout
    assert ("hunter2" in shown, "(not shown)" in shown, "5" in shown) == (False, True, True)
    assert "hunter2" in call("run", "show", "etl-1", "-o", "yaml").stdout
    call("deployment", "delete", "etl", "--yes")
    assert "hunter2" not in call("run", "show", "etl-1").stdout


def test_warnings_are_shown(many, call):
    told = eventually(lambda: (text := call("run", "show", "bad-1").stdout) and "WARNING" in text and text)
    assert "FlowRun/bad-1" in told


def test_a_run_that_there_is_not(many, call):
    for command in ("show", "logs", "cancel", "retry", "suspend", "resume", "delete"):
        result = call("run", command, "bad-3")
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert f"There is no FlowRun bad-3 in namespace {many.name}. Did you mean bad-" in result.stderr
    assert "names another kind" in call("run", "show", "pod/bad-1").stderr
    assert call("run", "show").exit_code == call("run", "show", "bad-1", "--last").exit_code == 2


def test_a_run_is_cancelled_and_its_end_awaited(operator, ns, call):
    ns.deploy()
    ns.run("waits", scheduledTime="2100-01-01T00:00:00Z")
    result = call("run", "cancel", "waits", "--wait")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "waits is to end.\nwaits is Cancelled.\n"
    again = call("run", "cancel", "waits")
    assert again.exit_code == 1
    assert "waits is Cancelled: it has ended already." in again.stderr


def test_runs_are_suspended_and_resumed(operator, ns, call):
    ns.deploy()
    ns.run("etl-1", scheduledTime="2100-01-01T00:00:00Z")
    assert call("run", "suspend", "etl-1").exit_code == 0
    ns.becomes(RunState.PAUSED)
    assert "is suspended already" in call("run", "suspend", "etl-1").stderr
    assert call("run", "resume", "etl-1").exit_code == 0
    ns.becomes(RunState.SCHEDULED)
    assert call("run", "resume", "etl-1").exit_code == 1


def test_a_retry_has_the_same_input_and_says_its_name(many, call):
    result = call("run", "retry", "bad-1", "-o", "name")
    (name,) = names(result)
    assert result.stderr == f"bad-1 runs again as {name}.\n"
    old, new = (many.get(FLOW_RUNS, one) for one in ("bad-1", name))
    assert new["spec"] == old["spec"]
    assert new["metadata"]["labels"] == {RETRY_OF: "bad-1"}
    assert call("run", "retry", "later").exit_code == 1


def test_a_retry_whose_parameters_do_not_fit_any_more_is_not_made(many, call):
    schema = {"type": "object", "properties": {"m": {}}, "additionalProperties": False}
    many.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"parameterSchema": schema}})
    result = call("run", "retry", "bad-1", "bad-2")
    assert result.exit_code == 1
    assert "n: the flow has no such parameter" in result.stderr
    assert "bad-2 runs again as" in result.stderr
    assert "1 of 2 runs could not be retried." in result.stderr


def test_many_are_shown_and_asked_for(many, call, terminal):
    before = len(many.items(FLOW_RUNS))
    no = call("run", "retry", "--deployment", "etl", stdin="n\n")
    assert no.exit_code == 1
    assert "Retry 2 runs? [y/N]" in no.stderr
    assert [line.split()[0] for line in no.stdout.splitlines()] == ["NAME", "bad-1", "bad-2"]
    assert len(many.items(FLOW_RUNS)) == before
    yes = call("run", "retry", "--deployment", "etl", stdin="y\n")
    assert yes.exit_code == 0
    assert len(many.items(FLOW_RUNS)) == before + 2
    again = call("run", "retry", "--deployment", "etl", stdin="y\n")
    assert again.stderr == "No runs found to be retried.\n"


def test_many_without_a_terminal(many, call):
    refused = call("run", "cancel", "--state", "live")
    assert refused.exit_code == 2
    assert "1 run would be cancelled, and there is no terminal to ask on. Give --yes" in refused.stderr
    dry = call("run", "cancel", "--state", "live", "--dry-run")
    assert (dry.exit_code, dry.stderr) == (0, "1 run would be cancelled.\n")
    assert dry.stdout.splitlines()[1].startswith("later")
    assert not many.get(FLOW_RUNS, "later")["spec"].get("cancel")
    done = call("run", "cancel", "--state", "live", "--yes")
    assert (done.exit_code, done.stderr) == (0, "later is to end.\n")
    many.becomes(RunState.CANCELLED, name="later")


def test_which_runs_has_to_be_said(ns, call):
    for which in ((), ("etl-1", "--state", "live")):
        result = call("run", "cancel", *which)
        assert result.exit_code == 2
        assert "Say which runs" in result.stderr


def test_what_fails_for_one_is_done_with_the_others(many, call):
    result = call("run", "cancel", "bad-1", "later")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "bad-1 is Failed: it has ended already.",
        "later is to end.",
        "1 of 2 runs could not be cancelled.",
    ]


def test_a_name_that_there_is_not_stops_none_of_the_others(many, call):
    dry = call("run", "cancel", "nope", "later", "--dry-run")
    assert (dry.exit_code, "later" in dry.stdout) == (1, True)
    result = call("run", "cancel", "nope", "later")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"There is no FlowRun nope in namespace {many.name}.",
        "later is to end.",
        "1 of 2 runs could not be cancelled.",
    ]


def test_the_last_run_of_a_deployment(many, call):
    many.deploy("other")
    many.run("other-1", deploymentRef={"name": "other"})
    last = ("run", "show", "--last", "-o", "name")
    assert names(call(*last, "--deployment", "other")) == {"other-1"}
    assert names(call(*last, "--deployment", "etl")) == {"later"}
    assert "There are no runs of nope in namespace" in call(*last, "--deployment", "nope").stderr
    assert call("run", "show", "later", "--deployment", "etl").exit_code == 2


def test_a_certificate_that_nobody_asked_to_check(ns, call, tmp_path, recwarn):
    config = json.loads((tmp_path / "home" / "kubeconfig").read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster.pop("certificate-authority-data", None)
    cluster.pop("certificate-authority", None)
    cluster["insecure-skip-tls-verify"] = True
    (tmp_path / "home" / "kubeconfig").write_text(json.dumps(config))
    assert call("run", "ls").exit_code == 0
    assert [str(one.message) for one in recwarn] == []


def test_runs_are_deleted_if_that_is_meant(many, call, terminal):
    no = call("run", "delete", "good-1", stdin="n\n")
    assert no.exit_code == 1
    assert "Their pods and logs go with them. Delete 1 run?" in no.stderr
    assert many.get(FLOW_RUNS, "good-1")
    dry = call("run", "delete", "--name", "*", "--dry-run")
    assert "4 runs would be deleted. Their pods and logs go with them. 1 of them has not ended" in dry.stderr
    assert call("run", "delete", "good-1", "--yes").stderr == "Deleted good-1.\n"
    eventually(lambda: many.get(FLOW_RUNS, "good-1") is None)


def test_a_run_of_the_same_name_is_not_the_one_that_was_shown(ns, call, monkeypatch):
    """It is deleted and made anew between the preview and the deed."""
    ns.create(FLOW_DEPLOYMENTS, custom("FlowDeployment", "etl", TEMPLATE))
    ns.run("etl-1")

    def asked(*_, **__):
        ns.delete(FLOW_RUNS, "etl-1")
        eventually(lambda: ns.get(FLOW_RUNS, "etl-1") is None)
        ns.run("etl-1")

    monkeypatch.setattr("millstream.cli._many._ask", asked)
    result = call("run", "cancel", "--name", "etl-1")
    assert result.exit_code == 1
    assert not ns.get(FLOW_RUNS, "etl-1")["spec"].get("cancel")


def test_a_name_of_a_deployment_is_no_selector(many, call):
    for command in (("ls",), ("cancel",), ("show", "--last")):
        result = call("run", *command, "--deployment", "etl,status.state=Failed")
        assert (result.exit_code, result.stdout) == (2, ""), command
        assert "'etl,status.state=Failed' is no name" in result.stderr
    assert names(call("run", "ls", "-o", "name", "--deployment", "flowdeployment/etl")) == {
        "good-1",
        "bad-1",
        "bad-2",
        "later",
    }


def test_a_log_ends_with_how_its_run_has_ended(many, call):
    assert call("run", "logs", "later").stderr.startswith("later has had no attempt. ")
    call("run", "cancel", "later")
    many.becomes(RunState.CANCELLED, name="later")
    for options in ((), ("-f",)):
        log = call("run", "logs", "later", *options)
        assert (log.exit_code, log.stdout) == (0, "")
        assert [line.partition(" (")[0] for line in log.stderr.splitlines()] == [
            "later has had no attempt.",
            "later is Cancelled",
        ]
    assert call("run", "logs", "bad-1").stderr.splitlines()[-1].startswith("bad-1 is Failed (FlowFailed)")
    assert "bad-1 is" not in call("run", "logs", "bad-1", "--attempt", "1").stderr


@pytest.fixture
def as_nobody(plane, kubectl, ns, tmp_path, monkeypatch, call):
    kubectl("create", "serviceaccount", "nobody", "--namespace", ns.name)
    config = json.loads(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl("create", "token", "nobody", "-n", ns.name).strip()}
    (tmp_path / "home" / "kubeconfig").write_text(json.dumps(config))
    return call


def test_rights_that_are_missing_are_named(as_nobody, ns):
    result = as_nobody("run", "ls")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"You may not list flowruns.millstream.dev in namespace {ns.name}" in result.stderr


def test_the_right_to_read_logs_is_named_too(kubectl, ns, operator, as_nobody):
    rules = [{"apiGroups": ["millstream.dev", ""], "resources": ["flowruns", "pods"], "verbs": ["*"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}}
    kubectl("apply", "-n", ns.name, "-f", "-", body=role | {"rules": rules})
    kubectl("create", "rolebinding", "r", "--role=r", f"--serviceaccount={ns.name}:nobody", "-n", ns.name)
    ns.deploy()
    ns.run()
    ns.start(ns.pod())
    ns.becomes(RunState.RUNNING)
    result = eventually(
        lambda: (done := as_nobody("run", "logs", "etl-1")) and "pods/log" in done.stderr and done
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"You may not get pods/log in namespace {ns.name}. Ask for a role" in result.stderr
    shown = as_nobody("run", "show", "etl-1")
    assert (shown.exit_code, "Running" in shown.stdout) == (0, True)
    assert "Warnings are not shown. You may not list events" in shown.stderr


def test_no_cluster(tmp_path, call, monkeypatch):
    config = json.loads((tmp_path / "home" / "kubeconfig").read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "home" / "kubeconfig").write_text(json.dumps(config))
    result = call("run", "ls")
    assert result.exit_code == 1
    assert "https://127.0.0.1:1 does not answer" in result.stderr


def test_names_are_completed_and_nothing_where_there_is_no_cluster(ns, call, tmp_path):
    ns.deploy()
    ns.run("etl-1")
    ns.run("report-1")

    def completed(*words):
        return [one.value for one in ShellComplete(root, {}, "m", "").get_completions(list(words), "e")]

    where = ("-n", ns.name)
    assert completed("run", "logs", *where) == ["etl-1"]
    assert completed("run", "cancel", *where) == ["etl-1"]
    assert completed("deployment", "show", *where) == ["etl"]
    (tmp_path / "home" / "kubeconfig").write_text("{}")
    assert completed("run", "logs", *where) == []

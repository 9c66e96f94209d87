"""`millstream deploy`, as far as it needs no cluster."""

import json
import os
import sys

import pytest
import yaml
from click.shell_completion import ShellComplete

from millstream.cli._app import root

FLOW = '''
# /// script
# dependencies = ["pandas>=2.3"]
# ///
from millstream import flow


@flow(name="Nightly Load", version="7", retries=2)
def load(day: str, n: int = 1):
    """Load a day."""
'''
DECLARATIVE = """
from datetime import timedelta
from millstream.v1 import Flow, Parameter, task
from millstream.v1.schedules import IntervalSchedule

@task
def show(x): ...

with Flow("Old Style", schedule=IntervalSchedule(interval=timedelta(hours=1))) as flow:
    show(Parameter("x", default=1))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "etl.py").write_text(FLOW)
    return tmp_path


@pytest.fixture
def dry(call, folder):
    def run(*arguments):
        result = call("deploy", *arguments, "--dry-run", "-o", "yaml")
        assert result.exit_code == 0, result.output
        assert result.stdout.endswith("\n")
        return list(yaml.safe_load_all(result.stdout))

    return run


@pytest.fixture
def spec(dry):
    return lambda *arguments: dry(*arguments)[-1]["spec"]


@pytest.fixture
def refused(call, folder):
    def run(*arguments):
        result = call("deploy", *arguments, "--dry-run")
        assert result.exit_code == 2
        assert "Traceback" not in result.stderr
        return result.stderr

    return run


def test_the_manifests_say_what_the_flow_says(dry):
    source, deployment = dry("etl.py")
    assert (source["kind"], source["data"]) == ("ConfigMap", {"etl.py": FLOW})
    assert deployment["metadata"] == {"name": "nightly-load"}
    schema = deployment["spec"].pop("parameterSchema")
    assert schema["required"] == ["day"]
    assert deployment["spec"] == {
        "entrypoint": "etl.py:load",
        "source": {"configMap": source["metadata"]["name"], "requirements": ["pandas>=2.3"]},
        "description": "Load a day.",
        "version": "7",
    }


def test_code_is_printed_as_code(call, folder):
    result = call("deploy", "etl.py", "--dry-run", "-o", "yaml", "-n", "prod")
    assert "  etl.py: |" in result.stdout
    assert [one["metadata"]["namespace"] for one in yaml.safe_load_all(result.stdout)] == ["prod", "prod"]


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "Y",
        "No",
        "on",
        "TRUE",
        "null",
        "~",
        "1e3",
        "5e10423",
        "0o17",
        "1:30",
        ".inf",
        "-.5",
        "=",
        "<<",
        "",
        "007",
    ],
)
def test_what_some_do_not_read_as_text_is_quoted(call, folder, text):
    result = call("deploy", "etl.py", "--env", f"A={text}", "--dry-run", "-o", "yaml")
    assert f"value: '{text}'\n" in result.stdout


@pytest.mark.parametrize(
    "text", ["a\x85b\n", "a\u2028b\n", "a\rb\n", "\ufeffa\n", "a\x00b", "\tcode\n", "a\x85"]
)
def test_code_comes_back_as_it_was(dry, folder, text):
    (folder / "data.txt").write_bytes(text.encode())
    source, _ = dry("etl.py", "--include", "data.txt")
    assert source["data"]["data.txt"] == text


def test_as_json_it_is_a_list(call, folder):
    result = call("deploy", "etl.py", "--dry-run", "-o", "json")
    document = json.loads(result.stdout)
    assert [one["kind"] for one in document["items"]] == ["ConfigMap", "FlowDeployment"]


def test_without_a_format_the_names_are_told(call, folder):
    lines = call("deploy", "etl.py", "--dry-run").stdout.splitlines()
    assert lines[0].startswith("configmap/nightly-load-source-")
    assert lines[1] == "flowdeployment.millstream.dev/nightly-load (dry run)"


def test_the_options_are_fields(spec):
    found = spec(
        *(
            "etl.py",
            "--cron",
            "0 6 * * *",
            "--rrule",
            "FREQ=DAILY",
            "--interval",
            "1h",
            "--timezone",
            "Europe/Berlin",
        ),
        *(
            "-p",
            "day=2026-01-01",
            "-p",
            "n=3",
            "--tag",
            "a",
            "--tag",
            "b",
            "--version",
            "8",
            "--description",
            "D",
        ),
        *(
            "--retries",
            "2",
            "--run-timeout",
            "90m",
            "--concurrency-limit",
            "3",
            "--cpu",
            "500m",
            "--memory",
            "1Gi",
        ),
        *(
            "--env",
            "A=b",
            "--api-access",
            "read",
            "--storage",
            "s3://b/f",
            "--storage-secret",
            "keys",
            "--suspend",
        ),
    )
    assert {name: found[name] for name in found if name not in {"parameterSchema", "source"}} == {
        "entrypoint": "etl.py:load",
        "parameters": {"day": "2026-01-01", "n": 3},
        "tags": ["a", "b"],
        "retryPolicy": {"failures": 2},
        "timeouts": {"runSeconds": 5400},
        "apiAccess": "Read",
        "storage": {"url": "s3://b/f", "secretName": "keys"},
        "pod": {
            "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
            "env": [{"name": "A", "value": "b"}],
        },
        "description": "D",
        "version": "8",
        "schedules": [
            {"name": "cron-1", "cron": "0 6 * * *", "timeZone": "Europe/Berlin"},
            {"name": "interval-1", "interval": 3600},
            {"name": "rrule-1", "rrule": "FREQ=DAILY", "timeZone": "Europe/Berlin"},
        ],
        "suspend": True,
        "concurrency": {"limit": 3},
    }


def test_requirements_of_a_file_stand_in_for_the_block(spec, folder):
    (folder / "requirements.txt").write_text("polars\n")
    assert spec("etl.py", "--requirements", "requirements.txt")["source"]["requirements"] == ["polars"]


def test_with_an_image_nothing_travels(dry):
    (deployment,) = dry("etl.py", "--image", "etl:1")
    assert deployment["spec"]["image"] == "etl:1"
    assert "source" not in deployment["spec"]


def test_a_setting_names_the_image_of_flows_that_travel(spec, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_DEPLOY_IMAGE", "flows:1")
    assert spec("etl.py")["image"] == "flows:1"


def test_flows_of_the_declarative_style_bring_their_schedule(spec, folder):
    (folder / "old.py").write_text(DECLARATIVE)
    (schedule,) = spec("old.py")["schedules"]
    assert (schedule["name"], schedule["interval"]) == ("interval-1", 3600)
    assert [one["name"] for one in spec("old.py", "--cron", "@daily")["schedules"]] == ["cron-1"]


def test_a_schedule_that_cannot_be_deployed_says_what_to_do(refused, folder):
    ends = "hours=1), end_date=datetime(2040, 1, 1, tzinfo=UTC)"
    text = DECLARATIVE.replace("hours=1)", ends).replace(
        "import timedelta", "import UTC, datetime, timedelta"
    )
    (folder / "old.py").write_text(text)
    assert "--cron" in refused("old.py")


def test_what_the_code_prints_is_not_among_the_manifests(call, folder):
    (folder / "etl.py").write_text(f"{FLOW}print('hello')")
    result = call("deploy", "etl.py", "--dry-run", "-o", "name")
    assert "hello" in result.stderr
    assert "hello" not in result.stdout


def test_a_file_elsewhere_is_a_project_of_its_own(spec, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "flows.py").write_text(FLOW)
    assert spec(str(other / "flows.py"))["entrypoint"] == "flows.py:load"


def test_a_flow_with_parameters_that_are_not_checked_has_no_schema(spec, folder):
    (folder / "etl.py").write_text(FLOW.replace("retries=2", "validate_parameters=False"))
    assert "parameterSchema" not in spec("etl.py")


# --- millstream.yaml ---

PROJECT = """
deployments:
- name: first
  entrypoint: etl.py
  parameters: {day: 2026-01-01}
  tags: [a]
  schedules:
  - cron: "0 6 * * *"
- name: second
  entrypoint: etl.py:load
  image: etl:1
  pod: {env: [{name: A, value: "1"}, {name: B, value: "2"}]}
"""


def test_all_of_a_project_is_deployed_or_what_is_named(dry, folder):
    (folder / "millstream.yaml").write_text(PROJECT)
    assert [one["metadata"]["name"] for one in dry() if one["kind"] == "FlowDeployment"] == [
        "first",
        "second",
    ]
    assert [one["metadata"]["name"] for one in dry("second")] == ["second"]
    assert dry("first")[1]["spec"]["parameters"] == {"day": "2026-01-01"}


def test_options_go_over_the_project(spec, dry, folder):
    (folder / "millstream.yaml").write_text(PROJECT)
    found = spec("second", "--env", "B=3", "--memory", "1Gi")
    assert found["pod"]["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]
    assert spec("first", "-p", "n=3", "--cron", "@hourly")["schedules"] == [
        {"name": "cron-1", "cron": "@hourly"}
    ]
    assert [one["spec"]["version"] for one in dry("--version", "abc") if "spec" in one] == ["abc", "abc"]


def test_a_project_does_the_same_whatever_else_is_deployed_with_it(dry, folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "flows.py").write_text(f"import lib\n{FLOW}".replace('"7"', "lib.version"))
        (folder / name / "lib.py").write_text(f"version = '{name}'")
    entries = "".join(f"- {{name: {name}, entrypoint: {name}/flows.py}}\n" for name in "ab")
    (folder / "millstream.yaml").write_text(f"deployments:\n{entries}")
    together = dry()
    assert together == [*dry("a"), *dry("b")]
    assert [one["spec"]["version"] for one in together if "spec" in one] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "takes deployments"),
        ("deployments: {a: 1}", "takes deployments"),
        ("deployments: &x [*x]", "line 1: this stands within itself"),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  parameters: &p\n    x: [*p]",
            "line 5: this stands within itself",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  schedules: [{interval: 60, anchor: 5}]",
            "line 4: schedules.0: anchor is a time as text, such as '2026-01-01T00:00:00Z', and not 5",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  schedules: [{name: s, interval: 60},\n   {name: s, interval: 90}]",
            "line 5: schedules.1: the name s is that of schedules.0 already",
        ),
        (
            "a: [",
            "millstream.yaml, line 1: it is no YAML: expected the node content, but found '<stream end>'.",
        ),
        ("\x00", "cannot be read"),
        ("deployments: [3]", "line 1"),
        ("x: 1\ndeployments: []", "line 1: millstream.yaml has no x"),
        ("deployments:\n- {name: a}", "line 2: a deployment has an entrypoint"),
        ("deployments:\n- {entrypoint: etl.py}", "line 2: a deployment has a name"),
        (
            "deployments:\n- {name: a, entrypoint: etl.py}\n- {name: a, entrypoint: etl.py}",
            "line 3: the name a is that of line 2",
        ),
        ("deployments:\n- name: a\n  name: b\n  entrypoint: etl.py", "line 3: name stands here twice"),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  parameters: {on: 1}",
            "line 4: YAML does not read 'on'",
        ),
        ("deployments:\n- name: a\n  entrypoint: etl.py\n  include: x", "line 4: include is a list"),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  requirements: [x]",
            "line 4: requirements is the path",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  timeouts:\n    run_seconds: 3",
            "line 5: timeouts.run_seconds: there is no such field; did you mean runSeconds?",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  pod:\n    env:\n    - {name: A, valu: x}",
            "line 6: pod.env.0.valu: there is no such field; did you mean value?",
        ),
        ("deployments:\n- name: a\n  entrypoint: etl.py\n  retryPolicy: 3", "line 4: retryPolicy"),
        ("deployments:\n- name: a\n  entrypoint: etl.py\n  parameterSchema: {}", "leave it out"),
        ("deployments:\n- name: A b\n  entrypoint: etl.py", "a-b is one"),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  schedules: [{cron: '0 6'}]",
            "line 4: schedules.0: cron",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  schedules: [{}]",
            "it has one of cron, interval, rrule",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  source: {requirements: 3}",
            "line 4: source.requirements",
        ),
        ("deployments:\n- name: a\n  entrypoint: etl.py\n  schedules: 3", "line 4: schedules"),
        (
            "deployments:\n- name: a\n  entrypoint: etl.py\n  pod:\n    resources: {limits: {memory: 1Gb}}",
            "line 5: pod.resources.limits.memory: '1Gb' is no quantity",
        ),
    ],
)
def test_projects_that_cannot_be(refused, folder, text, why):
    (folder / "millstream.yaml").write_text(text)
    assert why in refused()


def test_an_interval_that_is_no_number_is_told_once(refused, folder):
    (folder / "millstream.yaml").write_text(
        "deployments:\n- name: a\n  entrypoint: etl.py\n  schedules: [{interval: 15m}]"
    )
    told = refused()
    assert told.count("schedules.0") == 1
    assert "line 4: schedules.0.interval: it takes a number of seconds: 900 for 15 minutes." in told


def test_names_of_the_project_are_completed(home, folder):
    (folder / "millstream.yaml").write_text(PROJECT)

    def completed(incomplete):
        return [one.value for one in ShellComplete(root, {}, "m", "").get_completions(["deploy"], incomplete)]

    assert completed("") == ["", "first", "second"]
    assert completed("s") == ["s", "second"]
    (folder / "millstream.yaml").unlink()
    assert completed("s") == ["s"]


def test_what_deployments_have_in_common_is_merged(spec, folder):
    (folder / "millstream.yaml").write_text("""
deployments:
- &eu
  name: eu
  entrypoint: etl.py
  parameters: &parameters {day: 2026-01-01, n: 1}
  tags: [a]
- <<: *eu
  name: us
  parameters:
    <<: *parameters
    n: 2
""")
    found = spec("us")
    assert (found["parameters"], found["tags"]) == ({"day": "2026-01-01", "n": 2}, ["a"])
    assert spec("eu")["parameters"]["n"] == 1


def test_a_file_whose_name_is_no_text(refused, folder):
    (folder / "lib").mkdir()
    (folder / "lib" / "__init__.py").touch()
    open(os.fsencode(folder / "lib") + b"/\xff.txt", "w").close()  # noqa: PTH123 - a Path is text
    (folder / "etl.py").write_text(f"import lib\n{FLOW}")
    assert "has a name that is not UTF-8" in refused("etl.py")


def test_all_that_is_wrong_is_told_at_once(refused, folder):
    (folder / "millstream.yaml").write_text(
        PROJECT.replace("2026-01-01", "5")
        .replace("image: etl:1", "imag: etl:1")
        .replace("etl.py:load", "no.py:load")
    )
    told = refused()
    assert "day must be string, not 5" in told
    assert "line 11: imag: there is no such field; did you mean image?" in told


def test_a_name_that_is_not_in_the_project(refused, folder):
    (folder / "millstream.yaml").write_text(PROJECT)
    assert "has no deployment third; it has first, second" in refused("third")


def test_options_of_one_are_not_said_of_several(refused, folder):
    (folder / "millstream.yaml").write_text(PROJECT)
    assert "go with one deployment" in refused("--cron", "@daily")


def test_without_a_project_a_flow_is_named(refused):
    assert "There is no millstream.yaml" in refused()


# --- other mistakes ---


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--cron", "0 26 * * *"), "'26' is no hour"),
        (("--cron", "0 26 * * *"), "    0 26 * * *\n      ^^\n"),
        (("--cron", "0 6 * * *", "--timezone", "Europe/Berlni"), "did you mean Europe/Berlin"),
        (("--rrule", "FREQ=SOMETIMES"), "FREQ"),
        (("--cron", "0 6 31 2 *"), "it never fires\n    0 6 31 2 *\n"),
        (("--rrule", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"), "it never fires"),
        (("--memory", "1Gb"), "pod.resources.requests.memory: '1Gb' is no quantity; write 500m, 2 or 4Gi."),
        (("--cpu", "1x"), "'1x' is no quantity"),
        (("--interval", "soon"), "is no duration"),
        (("--interval", "1h", "--timezone", "UTC"), "--timezone goes with"),
        (
            ("-p", "n=x", "-p", "z=1"),
            "n must be integer, not 'x' (string)\n  parameters: z: the flow has no such",
        ),
        (("--cron", "@daily"), "parameters of schedule cron-1: day is missing"),
        (("--env", "A"), "is no NAME=VALUE"),
        (("--name", "A_b"), "'A_b' is no name of a deployment"),
        (("--retries", "101"), "retryPolicy.failures"),
        (("--requirements", "no.txt"), "cannot be read"),
        (("--include", "*.sql"), "nothing in"),
        (("--include", "*.py", "--image", "etl:1"), "include goes with files that travel"),
        (("--build",), "give one of them"),
        (("--push",), "--push goes with --build"),
        (("other.py",), "one flow at a time"),
    ],
)
def test_what_cannot_be_is_told(refused, arguments, why):
    assert why in refused("etl.py", *arguments)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = 1", "There is no flow in"),
        (f"{FLOW}\nother = load.with_options(name='b')", "Name one of them: bad.py:load, bad.py:other"),
        ("def f(:", "has a syntax error"),
    ],
)
def test_files_without_a_flow_to_deploy(refused, folder, code, why):
    (folder / "bad.py").write_text(code)
    assert why in refused("bad.py")


def test_an_import_that_fails_is_told_by_the_lines_of_the_users_code(refused, folder):
    (folder / "lib.py").write_text("import json\n\njson.loads('{')\n")
    (folder / "bad.py").write_text("import lib\n")
    told = refused("bad.py")
    assert "could not be imported: JSONDecodeError" in told
    assert "  bad.py:1: import lib\n  lib.py:3: json.loads('{')\n" in told


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nimportlib.import_module('plugin')",
        "import sys\nsys.path.insert(0, 'src')\nimport hidden",
    ],
)
def test_what_is_loaded_and_would_not_travel_is_told(refused, folder, code):
    (folder / "plugin.py").touch()
    (folder / "src").mkdir()
    (folder / "src" / "hidden.py").touch()
    (folder / "etl.py").write_text(f"{code}\n{FLOW}")
    told = refused("etl.py")
    assert "It loads plugin.py, " in told or "It loads src/hidden.py, " in told
    assert "--include" in told


def test_what_is_included_travels(spec, folder):
    (folder / "plugin.py").touch()
    (folder / "etl.py").write_text(f"import importlib\nimportlib.import_module('plugin')\n{FLOW}")
    assert spec("etl.py", "--include", "plugin.py")


def test_what_is_not_installed_is_named(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "millstream.resources.parameters", None)
    assert "pip install 'millstream[kubernetes]'" in refused("etl.py")


def test_a_cluster_that_is_not_configured(call, folder, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(folder / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    result = call("deploy", "etl.py")
    assert result.exit_code == 1
    assert "No cluster is configured" in result.stderr


def test_what_is_loaded_from_outside_the_project_is_told(call, folder, tmp_path_factory, monkeypatch):
    common = tmp_path_factory.mktemp("common")
    (common / "millstream_common.py").touch()
    monkeypatch.syspath_prepend(str(common))
    (folder / "etl.py").write_text(f"import millstream_common\n{FLOW}")
    for _ in range(2):  # also when it is loaded again
        result = call("deploy", "etl.py", "--dry-run")
        assert result.exit_code == 0
        assert f"nightly-load loads {common}/millstream_common.py, which is not in {folder}" in result.stderr


def test_the_block_of_a_module_is_read(spec, folder):
    (folder / "flows").mkdir()
    (folder / "flows" / "__init__.py").touch()
    (folder / "flows" / "nightly.py").write_text(FLOW)
    assert spec("flows.nightly:load")["source"]["requirements"] == ["pandas>=2.3"]


def test_a_file_of_requirements_is_named_from_where_one_is(spec, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "flows.py").write_text(FLOW)
    (folder / "requirements.txt").write_text("polars\n")
    found = spec(str(other / "flows.py"), "--requirements", "requirements.txt")
    assert found["source"]["requirements"] == ["polars"]


def test_a_file_in_a_folder_that_is_a_link_is_in_a_project(call, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "real").mkdir()
    (other / "real" / "flows.py").write_text(f"import beside\n{FLOW}")
    (other / "real" / "beside.py").touch()
    (other / "link").symlink_to("real")
    result = call("deploy", str(other / "link" / "flows.py"), "--dry-run", "-o", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert set(json.loads(result.stdout)["items"][0]["data"]) == {"flows.py", "beside.py"}

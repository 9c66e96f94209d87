"""docs/v1.md says what there is; what there is not says what to use instead."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from millstream.v1 import Flow
from millstream.v1._missing import (
    FLOW_OPTIONS,
    METHODS,
    MODULES,
    NAMES,
    RUN_OPTIONS,
    TASK_OPTIONS,
    VISUALIZE_OPTIONS,
)
from millstream.v1._task_options import TaskOptions

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/v1.md").read_text()
ROWS = {
    key: said
    for names, said in tomllib.loads((ROOT / "docs/prefect.toml").read_text())["Prefect 1"].items()
    for name in names.split(", ")
    for key in (name, re.split(r"[.:] ?", name)[-1])
}


def test_every_option_has_its_row():
    table = TEXT.partition("## Tasks\n")[2].partition("\nTriggers")[0]
    first_column = " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", first_column)) == set(TaskOptions.__optional_keys__)


@pytest.mark.parametrize(("name", "words"), NAMES.items())
def test_the_list_of_names_says_the_same(name, words):
    assert ROWS[name] == f"no: {words}"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("millstream.v1", "resource_manager"),
        ("millstream.v1", "Client"),
        ("millstream.v1.triggers", "manual_only"),
        ("millstream.v1.engine.signals", "PAUSE"),
        ("millstream.v1.engine.state", "Paused"),
        ("millstream.v1.engine.cache_validators", "never_use"),
        ("millstream.v1.schedules", "RRuleSchedule"),
    ],
)
def test_missing_names(module, name):
    with pytest.raises(ImportError, match=f"{module} has no {name}: {re.escape(NAMES[name])}"):
        getattr(importlib.import_module(module), name)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        importlib.import_module(module).nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("from millstream.v1.storage import GitHub", "storage"),
        ("import millstream.v1.run_configs", "run_configs"),
        ("from millstream.v1.tasks.shell import ShellTask", "tasks"),
        ("from millstream.v1.tasks import shell", "tasks"),
        ("from millstream.v1.tasks.aws.s3 import S3Upload", "tasks"),
        ("from millstream.v1.utilities.notifications import slack_notifier", "utilities.notifications"),
        (
            "from millstream.v1.utilities.notifications.notifications import slack_notifier",
            "utilities.notifications",
        ),
    ],
)
def test_missing_modules(line, place):
    with pytest.raises(ImportError, match=rf"There is no millstream\.v1.*: {re.escape(MODULES[place])}"):
        exec(line)  # noqa: S102 - a line of a program of Prefect 1


@pytest.mark.parametrize("name", ["millstream.v1.nonsense", "millstream.nonsense", "tasks"])
def test_other_modules(name):
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
        importlib.import_module(name)


@pytest.mark.parametrize(("place", "words"), MODULES.items())
def test_the_list_of_modules_says_the_same(place, words):
    assert ROWS[f"prefect.{place}"] == f"no: {words}"


@pytest.mark.parametrize("name", METHODS)
def test_missing_methods(name):
    with pytest.raises(AttributeError, match=re.escape(f"A flow has no {name}: {METHODS[name]}.")):
        getattr(Flow("f"), name)


def test_all_say_what_to_do():
    for words in (NAMES, MODULES, METHODS, TASK_OPTIONS, FLOW_OPTIONS, RUN_OPTIONS, VISUALIZE_OPTIONS):
        assert all(said.startswith(("use ", "leave it out")) for said in words.values())


def test_nobody_else_imports_it():
    code = "import sys, millstream.entrypoint, millstream.runner; print('millstream.v1' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

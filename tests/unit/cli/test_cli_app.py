"""The command line as a program: its names, its exit codes, what it loads."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import millstream
from millstream.cli._app import COMMANDS, root
from millstream.cli._groups import LazyGroup
from millstream.cli._prefect_commands import INSTEAD
from millstream.cli.run import names_a_flow

PROGRAMS = Path(sys.executable).parent
SLOW = {"asyncio", "kubernetes", "pydantic", "rich", "tomlkit", "yaml"}


def program(*arguments, name="millstream", **environment):
    return subprocess.run(
        [PROGRAMS / name, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def lazily(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(group, LazyGroup) and name in group._lazy:
            yield pytest.param(group, name, command, id=" ".join((*path, name)))
        if isinstance(command, click.Group):
            yield from lazily(command, (*path, name))


@pytest.mark.parametrize(("group", "name", "command"), list(lazily(root)))
def test_a_command_is_what_the_list_says(group, name, command):
    assert command.name == name
    assert command.get_short_help_str(limit=200) == group._lazy[name]


@pytest.mark.parametrize(
    "command",
    ["", "run", "run logs", "run cancel", "run retry", "deployment", "deployment ls", "deployment run"],
)
def test_help_loads_nothing_slow(command):
    code = f"import sys; sys.argv = {['millstream', *command.split(), '--help']}; from millstream.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & SLOW
    assert not [name for name in loaded if name.startswith("millstream._engine")]
    assert command or all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("name", "shown"), [("millstream", "millstream"), ("kubectl-millstream", "kubectl millstream")]
)
def test_the_help_has_the_name_that_was_used(name, shown):
    assert program("--help", name=name).stdout.startswith(f"Usage: {shown} [OPTIONS]")


def test_version():
    assert program("version").stdout == f"{millstream.__version__}\n"


def test_version_as_an_option():
    assert program("--version").stdout == f"{millstream.__version__}\n"


@pytest.mark.parametrize(
    ("words", "here"),
    [
        ("flow-run ls", "millstream run ls"),
        ("flow-runs logs x", "millstream run logs RUN"),
        ("flow ls", "millstream deployment ls"),
        ("deployment inspect etl", "millstream deployment show DEPLOYMENT"),
        ("deployment schedule ls", "millstream deployment show"),
        ("work-pool ls", "millstream deploy"),
        ("worker start", "millstream deploy"),
        ("server start", "millstream doctor"),
        ("profile ls", "millstream config profile ls"),
        ("automation ls", "docs/notifications.md"),
        ("block create secret", "millstream block register TYPE NAME"),
        ("run watch x", "millstream run logs -f RUN"),
        ("serve", "docs/serve.md"),
    ],
)
def test_commands_of_prefect(words, here):
    result = CliRunner().invoke(root, words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "In the place of Prefect's" in result.stderr
    assert here in result.stderr
    assert "Did you mean" not in result.stderr


@pytest.mark.parametrize("told", INSTEAD.values())
def test_what_to_type_there_is(told):
    for typed in re.findall("`millstream ([^`]*)`", told):
        group = root
        for word in typed.split():
            if not isinstance(group, click.Group) or word.isupper() or word.startswith("-"):
                break
            if group.name == "run" and names_a_flow(word):
                break
            group = group.get_command(click.Context(group), word)
            assert group is not None, typed


@pytest.mark.parametrize("words", [*INSTEAD])
def test_what_is_told_of_is_no_command(words):
    result = CliRunner().invoke(root, [*words.split(), "--help"])
    assert result.exit_code == 2, result.output


def test_a_command_that_there_is_not():
    done = program("confg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'config'?" in done.stderr


def test_a_mistake_of_ours_keeps_its_traceback():
    code = (
        "from millstream.cli import config, main; import sys; sys.argv = ['millstream', 'config', 'view']\n"
        "config.view.callback = lambda **_: 1 / 0\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("name", ["millstream", "kubectl-millstream"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, name):
    script = program("completion", shell, name=name).stdout
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    assert f"{variable}={shell}_complete" in script
    words = {"COMP_WORDS": f"{name} co", "COMP_CWORD": "co" if shell == "fish" else "1"}
    asked = program(name=name, **{variable: f"{shell}_complete"}, **words)
    assert "config" in asked.stdout


def test_names_of_settings_are_completed():
    asked = program(
        _MILLSTREAM_COMPLETE="bash_complete",
        COMP_WORDS="millstream config unset MILLSTREAM_TASKS_D",
        COMP_CWORD="3",
    )
    assert asked.stdout.splitlines() == [
        "plain,MILLSTREAM_TASKS_DEFAULT_RETRIES",
        "plain,MILLSTREAM_TASKS_DEFAULT_RETRY_DELAY_SECONDS",
    ]


@pytest.mark.parametrize(("word", "names"), [("", {"ls", "show"}), ("l", {"logs", "ls"}), ("etl", set())])
def test_what_follows_run_is_a_command_or_a_file(word, names):
    asked = program(_MILLSTREAM_COMPLETE="bash_complete", COMP_WORDS=f"millstream run {word}", COMP_CWORD="2")
    first, *others = asked.stdout.splitlines()
    assert first.startswith("file,")  # bash's script forgets what comes before that
    assert names <= {line.removeprefix("plain,") for line in others}


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["conf"], "config\tSee and change settings.\n:4\n"),
        (["config", "unset", "MILLSTREAM_TASKS_DEFAULT_RETRIES"], "MILLSTREAM_TASKS_DEFAULT_RETRIES\n:4\n"),
        (["run", "etl"], ":0\n"),
    ],
)
def test_kubectl_completes_its_plugin(arguments, answer):
    assert program(*arguments, name="kubectl_complete-millstream").stdout == answer


def test_what_cannot_be_read_completes_nothing(tmp_path):
    (tmp_path / "profiles.toml").write_text("a = ")
    asked = program(
        "config", "profile", "use", "", name="kubectl_complete-millstream", MILLSTREAM_HOME=str(tmp_path)
    )
    assert (asked.stdout, asked.stderr) == (":4\n", "")


def test_names_of_profiles_are_completed(tmp_path):
    (tmp_path / "profiles.toml").write_text("[profiles.dev]\n[profiles.load]\n")
    asked = program(
        "config", "profile", "use", "d", name="kubectl_complete-millstream", MILLSTREAM_HOME=str(tmp_path)
    )
    assert asked.stdout == "dev\n:4\n"

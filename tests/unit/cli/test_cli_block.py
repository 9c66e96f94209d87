"""`millstream block`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pseudo_terminal import read_to_end

from millstream.blocks import Secret, core
from millstream.settings import temporary_settings

OWN = """
from pydantic import SecretStr
from millstream.blocks import Block

class CliWarehouse(Block):
    host: str
    password: SecretStr
    port: int = 5432
"""


@pytest.fixture
def block(call):
    return lambda *arguments, **options: call("block", *arguments, **options)


@pytest.fixture
def own(tmp_path, home):
    (tmp_path / "cli_own_blocks.py").write_text(OWN)
    yield ["--module", "cli_own_blocks.py"]

    core._types.pop("cli-warehouse", None)


def test_register_show_and_delete(block, monkeypatch):
    monkeypatch.setenv("WHERE", "https://hooks.slack.com/services/T/B/s3cr3ts3cr3t")
    result = block(
        "register", "slack-webhook", "alerts", "allow_private_urls=false", "--from-env", "url=WHERE"
    )
    assert (result.exit_code, result.stderr) == (0, "Saved slack-webhook/alerts.\n")
    document = json.loads(block("show", "slack-webhook/alerts", "-o", "json").stdout)
    assert document["fields"]["url"] == "********"
    assert document["fields"]["allow_private_urls"] is False
    shown = block("show", "alerts").stdout
    assert "url:                  ********\n" in shown
    assert "s3cr3t" not in shown
    assert block("ls", "-o", "name").stdout == "slack-webhook/alerts\n"
    assert block("delete", "alerts").stderr == "Deleted slack-webhook/alerts.\n"
    assert block("ls").stderr == "No blocks found.\n"


def test_a_secret_from_standard_input(block, home):
    block("register", "secret", "key", "--from-stdin", "value", stdin="s3cr3t\n")
    with temporary_settings():
        assert Secret.load("key").get() == "s3cr3t"


def test_secrets_are_asked_for_on_a_terminal_and_not_shown(home):
    program = [Path(sys.executable).parent / "millstream", "block", "register", "secret", "key"]
    master, slave = os.openpty()
    with subprocess.Popen(
        program, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        seen = b""
        while b"value:" not in seen:
            seen += os.read(master, 1024)
        os.write(master, b"s3cr3t\n")
        seen += read_to_end(master)
        assert process.wait(timeout=60) == 0, seen
    os.close(master)
    assert b"s3cr3t" not in seen
    with temporary_settings():
        assert Secret.load("key").get() == "s3cr3t"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["secret", "x", "value=s3cr3t"], "value: secrets are not taken from the command"),
        (["secret", "x"], "value: there is no terminal to ask for this."),
        (["secret", "x", "--from-env", "value=NOWHERE"], "The environment has no NOWHERE."),
        (
            ["email", "x", "smtp=a", "--from-stdin", "password"],
            "email_to is missing; smtp is unknown; its fields are ",
        ),
        (["email", "x", "smtp_server"], "'smtp_server' is no NAME=VALUE."),
    ],
)
def test_wrong_use(arguments, message, block):
    result = block("register", *arguments, stdin="s3cr3t")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "s3cr3t" not in result.stderr.replace("value=s3cr3t", "")
    assert block("ls", "-o", "name").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["register", "slack", "x"], "There is no type of blocks 'slack': there are "),
        (["show", "secret/x"], "There is no secret 'x'; there is none at all."),
        (["show", "x"], "There is no block 'x'"),
        (["delete", "x"], "There is no block 'x'"),
    ],
)
def test_what_there_is_not(arguments, message, block):
    result = block(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_name_is_taken(block, monkeypatch):
    monkeypatch.setenv("VALUE", "one")
    register = ["register", "secret", "key", "--from-env", "value=VALUE"]
    block(*register)
    result = block(*register)
    assert result.exit_code == 1
    assert "There is a secret 'key' already" in result.stderr
    assert block(*register, "--overwrite").exit_code == 0


def test_several_of_one_name(block, monkeypatch):
    monkeypatch.setenv("VALUE", "https://example.com")
    block("register", "secret", "x", "--from-env", "value=VALUE")
    block("register", "webhook", "x", "--from-env", "url=VALUE")
    result = block("show", "x")
    assert result.exit_code == 1
    assert "Name one of them: secret/x, webhook/x." in result.stderr


def test_the_first_place_wins(block, monkeypatch):
    monkeypatch.setenv("VALUE", "kept")
    block("register", "secret", "key", "--from-env", "value=VALUE")
    monkeypatch.setenv("MILLSTREAM_BLOCK__SECRET__KEY", '{"value": "s3cr3t"}')
    assert [row["place"] for row in json.loads(block("ls", "-o", "json").stdout)] == [
        "the variable MILLSTREAM_BLOCK__SECRET__KEY"
    ]
    result = block("delete", "secret/key")
    assert result.exit_code == 1
    assert "cannot be deleted from here: it stands in the variable" in result.stderr


def test_a_block_of_a_type_that_is_not_known_shows_none_of_its_fields(block, own, monkeypatch):
    monkeypatch.setenv("PASSWORD", "s3cr3t")
    register = ["register", "cli-warehouse", "nightly", "host=db", "--from-env", "password=PASSWORD", *own]
    assert block(*register).exit_code == 0
    shown = json.loads(block("show", "cli-warehouse/nightly", *own, "-o", "json").stdout)
    assert shown["fields"] == {"host": "db", "password": "********", "port": 5432}

    monkeypatch.delitem(core._types, "cli-warehouse")
    shown = json.loads(block("show", "nightly", "-o", "json").stdout)
    assert shown["fields"] == {"host": "********", "password": "********", "port": "********"}


def test_types(block, own):
    types = {kind["type"]: kind for kind in json.loads(block("types", "-o", "json", *own).stdout)}
    assert {"secret", "webhook", "slack-webhook"} <= set(types)
    assert types["cli-warehouse"]["fields"] == [
        {"name": "host", "required": True, "secret": False},
        {"name": "password", "required": True, "secret": True},
        {"name": "port", "required": False, "secret": False},
    ]
    assert "host (required), password (required, secret), port" in block("types", *own).stdout


def test_a_module_that_is_not_there(block):
    result = block("types", "--module", "nowhere.py")
    assert result.exit_code == 2
    assert "The file 'nowhere.py' does not exist" in result.stderr


def test_names_are_completed(home, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_BLOCK__SECRET__KEY", '{"value": "s3cr3t"}')
    environment = os.environ | {
        "_MILLSTREAM_COMPLETE": "bash_complete",
        "COMP_WORDS": "millstream block show sec",
        "COMP_CWORD": "3",
    }
    asked = subprocess.run(
        [Path(sys.executable).parent / "millstream"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert asked.stdout == "plain,secret/key\n"

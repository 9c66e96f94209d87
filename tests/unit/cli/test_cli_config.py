import json

import pytest
import yaml

from millstream.cli._profiles import as_toml
from millstream.cli.config import without_password
from millstream.settings import Settings, SettingsError, declared

LEVEL = "MILLSTREAM_LOGGING_LEVEL"
RETRIES = "MILLSTREAM_TASKS_DEFAULT_RETRIES"


def test_the_first_setting_makes_a_file_with_a_profile_that_is_active(call, home):
    assert call("config", "set", f"{LEVEL}=DEBUG", f"{RETRIES}=2").exit_code == 0
    assert (home / "profiles.toml").read_text() == (
        f'active = "default"\n\n[profiles.default]\n{LEVEL} = "DEBUG"\n{RETRIES} = 2\n'
    )
    assert Settings().tasks_default_retries == 2


def test_comments_stay(call, home):
    home.mkdir()
    before = f'# mine\nactive = "dev" # now\n\n[profiles.dev]\n# often\n{RETRIES} = 1 # one\n'
    (home / "profiles.toml").write_text(before)
    call("config", "set", f"{RETRIES}=3")
    assert (home / "profiles.toml").read_text() == before.replace("= 1", "= 3")
    call("config", "unset", RETRIES)
    assert (home / "profiles.toml").read_text() == before.replace(f"{RETRIES} = 1 # one\n", "")


def test_a_link_stays_one(call, home, tmp_path):
    home.mkdir()
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("")
    (home / "profiles.toml").symlink_to(kept)
    call("config", "set", f"{RETRIES}=3")
    assert f"{RETRIES} = 3" in kept.read_text()
    assert (home / "profiles.toml").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set", "X"], "'X' is no NAME=VALUE."),
        (["set", "MILLSTREAM_LOGING_LEVEL=1"], "Did you mean MILLSTREAM_LOGGING_LEVEL?"),
        (["set", f"{RETRIES}=x"], f"{RETRIES} cannot be 'x' (given here). It takes a whole number from 0."),
        (["set", "MILLSTREAM_HOME=/x"], "MILLSTREAM_HOME is for the environment only"),
        (["set", f"{RETRIES}=1", "--profile", "x"], "has no profile 'x'; it has 'dev'. `millstream config profile create`"),
        (["unset", LEVEL], f"The profile has no {LEVEL}."),
        (["profile", "use", "x"], "has no profile 'x'"),
        (["profile", "create", "dev"], "has a profile 'dev' already"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_changes_nothing(arguments, message, call, home):
    home.mkdir()
    (home / "profiles.toml").write_text('active = "dev"\n[profiles.dev]\n')
    result = call("config", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert (home / "profiles.toml").read_text() == 'active = "dev"\n[profiles.dev]\n'


@pytest.mark.parametrize("text", ["a = ", "profiles = 3"])
def test_a_file_that_is_none(text, call, home):
    home.mkdir()
    (home / "profiles.toml").write_text(text)
    result = call("config", "set", f"{RETRIES}=1")
    assert result.exit_code == 2
    assert "profiles.toml" in result.stderr


def test_view(call, monkeypatch):
    call("config", "set", f"{RETRIES}=2")
    monkeypatch.setenv(LEVEL, "DEBUG")
    rows = {row["name"]: row for row in json.loads(call("config", "view", "-o", "json").stdout)}
    assert rows[LEVEL] == {"name": LEVEL, "value": "DEBUG", "from": "the environment"}
    assert rows[RETRIES]["from"].startswith("profile 'default' of ")
    assert "MILLSTREAM_LOGGING_FORMAT" not in rows
    everything = yaml.safe_load(call("config", "view", "--show-defaults", "-o", "yaml").stdout)
    assert [row["name"] for row in everything] == list(declared())


def test_view_says_what_is_wrong(call, monkeypatch):
    monkeypatch.setenv(RETRIES, "many")
    result = call("config", "view")
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr
        == f"Error: {RETRIES} cannot be 'many' (the environment). It takes a whole number from 0.\n"
    )


def test_profiles(call):
    call("config", "set", f"{RETRIES}=2")
    call("config", "profile", "create", "load")
    call("config", "profile", "use", "load")
    assert json.loads(call("config", "profile", "ls", "-o", "json").stdout) == [
        {"name": "default", "active": False},
        {"name": "load", "active": True},
    ]
    assert call("config", "profile", "ls").stdout == "PROFILE   ACTIVE\ndefault\nload      *\n"


def test_the_first_profile_may_be_made_by_hand(call, home):
    call("config", "profile", "create", "mine")
    call("config", "profile", "use", "mine")
    assert (home / "profiles.toml").read_text().startswith('active = "mine"\n')


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        (RETRIES, "2", 2),
        (LEVEL, "DEBUG", "DEBUG"),
        ("MILLSTREAM_LOGGING_LOG_PRINTS", "true", True),
        ("MILLSTREAM_LOGGING_LOG_PRINTS", "yes", "yes"),
        ("MILLSTREAM_RESULTS_SERIALIZER", "3", "3"),
        ("MILLSTREAM_CONCURRENCY_LIMITS", '{"database": 5}', '{"database": 5}'),
        ("MILLSTREAM_TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,2", "1,2"),
    ],
)
def test_values_are_of_tomls_kinds_where_that_fits(name, text, value):
    made = as_toml(declared()[name], text)
    assert (made, type(made) is str) == (value, type(value) is str)


def test_a_value_that_does_not_fit():
    with pytest.raises(SettingsError, match="It takes a whole number"):
        as_toml(declared()[RETRIES], "-1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("postgresql://me:s3cr3t@db:5432/x?password=s3cr3t", "postgresql://db:5432/x"),
    ],
)
def test_passwords_are_not_shown(text, shown):
    assert without_password(text) == shown

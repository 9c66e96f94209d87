"""Settings: where they are looked for, what they take, and what is said when they are wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from millstream import _setting_sources
from millstream.exceptions import MillstreamError
from millstream.settings import Setting, Settings, SettingsError, get_current_settings, temporary_settings

RETRIES = "MILLSTREAM_TASKS_DEFAULT_RETRIES"
LEVEL = "MILLSTREAM_LOGGING_LEVEL"
DECLARED = [setting for setting in vars(Settings).values() if isinstance(setting, Setting)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty world: no settings in the environment, a home and a working directory without files."""
    for setting in DECLARED:
        monkeypatch.delenv(setting.name, raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with temporary_settings({"MILLSTREAM_HOME": tmp_path / "home"}):
        (tmp_path / "home").mkdir()
        yield tmp_path


def write(path, text):
    path.write_text(text)
    # Files are read once by the settings that asked for them.
    return Settings(get_current_settings()._given)


@pytest.mark.usefixtures("here")
def test_defaults():
    settings = get_current_settings()
    assert (settings.profile, settings.logging_level, settings.logging_colors) == (None, None, None)
    assert (settings.logging_format, settings.results_serializer) == ("text", "pickle")
    assert (settings.logging_extra_loggers, settings.concurrency_limits) == ((), {})
    assert (settings.tasks_default_retries, settings.tasks_default_retry_delay_seconds) == (0, 0)
    assert (settings.flows_default_retries, settings.flows_default_retry_delay_seconds) == (0, 0)
    assert settings.task_runner_thread_pool_max_workers == 256
    flags = settings.logging_log_prints, settings.results_persist_by_default, settings.tasks_refresh_cache
    assert flags == (False, False, False)
    assert settings.storage == str(settings.home)
    assert settings.results_storage == str(settings.home / "results")


@pytest.mark.parametrize(
    ("storage", "results"),
    [
        ("/data", "/data/results"),
        ("/data/", "/data/results"),
        ("/what?", "/what?/results"),
        ("~/kept", "/home/me/kept/results"),
        ("file:///data/x%20y", "file:///data/x%20y/results"),
        ("s3://bucket", "s3://bucket/results"),
        ("gs://bucket/a/", "gs://bucket/a/results"),
        ("az://container/a?region=x", "az://container/a/results?region=x"),
    ],
)
def test_results_are_kept_in_the_storage(storage, results, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    with temporary_settings({"MILLSTREAM_STORAGE": storage}, ["MILLSTREAM_RESULTS_STORAGE"]) as settings:
        assert settings.results_storage == results
    with temporary_settings({"MILLSTREAM_STORAGE": storage, "MILLSTREAM_RESULTS_STORAGE": "x"}) as settings:
        assert settings.results_storage == "x"


def test_a_database_is_no_place_for_everything():
    url = "postgresql://me:tell-nobody@db/flows"
    with (
        temporary_settings({"MILLSTREAM_STORAGE": url}, ["MILLSTREAM_RESULTS_STORAGE"]) as settings,
        pytest.raises(SettingsError, match="set MILLSTREAM_RESULTS_STORAGE") as raised,
    ):
        assert settings.results_storage
    assert "tell-nobody" not in str(raised.value)


def test_home(monkeypatch):
    monkeypatch.delenv("MILLSTREAM_HOME", raising=False)
    monkeypatch.setenv("HOME", "/somewhere")
    assert get_current_settings().home == Path("/somewhere/.millstream")
    monkeypatch.setenv("MILLSTREAM_HOME", "/else")
    assert get_current_settings().home == Path("/else")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("LOGGING_LEVEL", "debug", 10),
        ("LOGGING_LEVEL", "25", 25),
        ("LOGGING_FORMAT", "JSON", "json"),
        ("LOGGING_COLORS", "off", False),
        ("LOGGING_COLORS", "Auto", None),
        ("LOGGING_LOG_PRINTS", "1", True),
        ("LOGGING_EXTRA_LOGGERS", "a, b.c", ("a", "b.c")),
        ("RESULTS_STORAGE", "s3://bucket/~x", "s3://bucket/~x"),
        ("TASKS_DEFAULT_RETRIES", "3", 3),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "0.5", 0.5),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1, 2.5", [1.0, 2.5]),
        ("CONCURRENCY_LIMITS", '{"db": 5}', {"db": 5}),
    ],
)
@pytest.mark.usefixtures("here")
def test_in_the_environment(name, text, expected, monkeypatch):
    monkeypatch.setenv(f"MILLSTREAM_{name}", text)
    assert getattr(get_current_settings(), name.lower()) == expected
    monkeypatch.setenv(f"MILLSTREAM_{name}", "")
    assert getattr(get_current_settings(), name.lower()) != expected or expected is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HOME", "~nobody-has-this-name/x"),
        ("LOGGING_LEVEL", "loud"),
        ("LOGGING_FORMAT", "xml"),
        ("LOGGING_COLORS", "blue"),
        ("LOGGING_LOG_PRINTS", "maybe"),
        ("LOGGING_EXTRA_LOGGERS", "root"),
        ("LOGGING_EXTRA_LOGGERS", "a,,b"),
        ("TASKS_DEFAULT_RETRIES", "-1"),
        ("TASKS_DEFAULT_RETRIES", "2.0"),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,nan"),
        ("FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "inf"),
        ("TASK_RUNNER_THREAD_POOL_MAX_WORKERS", "0"),
        ("CONCURRENCY_LIMITS", "5"),
        ("CONCURRENCY_LIMITS", '{"db": 1.5}'),
        ("CONCURRENCY_LIMITS", "{"),
    ],
)
def test_a_wrong_value_says_where_it_stands_and_what_is_right(name, text, here, monkeypatch):
    del here
    monkeypatch.setenv(f"MILLSTREAM_{name}", text)
    with pytest.raises(SettingsError) as caught:
        getattr(Settings(), name.lower())
    kind = getattr(Settings, name.lower()).kind
    assert (
        str(caught.value) == f"MILLSTREAM_{name} cannot be {text!r} (the environment). It takes {kind.takes}."
    )
    assert isinstance(caught.value, MillstreamError | ValueError)


class TestProfiles:
    def test_active_and_chosen(self, here, monkeypatch):
        settings = write(
            here / "home/profiles.toml",
            f'active = "a"\n[profiles.a]\n{RETRIES} = 1\n[profiles.b]\n{LEVEL} = "ERROR"',
        )
        assert (settings.tasks_default_retries, settings.logging_level) == (1, None)
        monkeypatch.setenv("MILLSTREAM_PROFILE", "b")
        settings = Settings(settings._given)
        assert (settings.tasks_default_retries, settings.logging_level) == (0, 40)

    def test_none_is_active(self, here):
        assert write(here / "home/profiles.toml", f"[profiles.a]\n{RETRIES} = 1").tasks_default_retries == 0

    def test_the_environment_wins(self, here, monkeypatch):
        settings = write(here / "home/profiles.toml", f'active = "a"\n[profiles.a]\n{RETRIES} = 1')
        monkeypatch.setenv(RETRIES, "2")
        assert settings.tasks_default_retries == 2

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('active = "b"\n[profiles.a]\n[profiles.c]', "has no profile 'b'; it has 'a', 'c'"),
            ('active = "b"', "has no profile 'b'; it has none"),
            ("[dev]", r"takes `active = \"name\"` and tables"),
            ("active = ", "cannot be read: "),
            (
                'active = "a"\n[profiles.a]\nMILLSTREAM_LOGING_LEVEL = 1',
                "Did you mean MILLSTREAM_LOGGING_LEVEL?",
            ),
            ('active = "a"\n[profiles.a]\nlogging_level = 1', "Did you mean MILLSTREAM_LOGGING_LEVEL?"),
            (
                'active = "a"\n[profiles.a]\nMILLSTREAM_HOME = "/x"',
                "MILLSTREAM_HOME is for the environment only",
            ),
            (f'active = "a"\n[profiles.a]\n{RETRIES} = true', f"{RETRIES} cannot be True \\(profile 'a' of "),
        ],
    )
    def test_wrong(self, here, text, problem):
        with pytest.raises(SettingsError, match=problem) as caught:
            _ = write(here / "home/profiles.toml", text).tasks_default_retries
        assert "profiles.toml" in str(caught.value)

    @pytest.mark.usefixtures("here")
    def test_chosen_without_a_file(self, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_PROFILE", "b")
        with pytest.raises(SettingsError, match="MILLSTREAM_PROFILE chooses 'b', and there is no file "):
            _ = get_current_settings().tasks_default_retries


class TestProject:
    def test_nearest_file_and_toml_values(self, here, monkeypatch):
        inner = here / "work/deep/er"
        inner.mkdir(parents=True)
        monkeypatch.chdir(inner)
        (here / "work/pyproject.toml").write_text(f"[tool.millstream]\n{RETRIES} = 9")
        settings = write(
            inner.parent / "pyproject.toml",
            f'[tool.millstream]\n{RETRIES} = 2\n{LEVEL} = 30\nMILLSTREAM_LOGGING_EXTRA_LOGGERS = ["a"]\n'
            "MILLSTREAM_TASKS_DEFAULT_RETRY_DELAY_SECONDS = [1, 2]\nMILLSTREAM_LOGGING_COLORS = true\n"
            "[tool.millstream.MILLSTREAM_CONCURRENCY_LIMITS]\ndb = 5",
        )
        assert (settings.tasks_default_retries, settings.logging_level) == (2, 30)
        assert settings.logging_extra_loggers == ("a",)
        assert settings.tasks_default_retry_delay_seconds == [1, 2]
        assert settings.concurrency_limits == {"db": 5}
        assert settings.logging_colors is True

    def test_a_profile_wins(self, here):
        write(here / "work/pyproject.toml", f'[tool.millstream]\n{RETRIES} = 2\n{LEVEL} = "ERROR"')
        settings = write(here / "home/profiles.toml", f'active = "a"\n[profiles.a]\n{RETRIES} = 1')
        assert (settings.tasks_default_retries, settings.logging_level) == (1, 40)

    def test_wrong(self, here):
        settings = write(
            here / "work/pyproject.toml", "[tool.millstream]\nMILLSTREAM_TASK_DEFAULT_RETRIES = 2"
        )
        message = rf"no setting MILLSTREAM_TASK_DEFAULT_RETRIES, .* Did you mean {RETRIES}\?"
        with pytest.raises(SettingsError, match=message):
            _ = settings.tasks_default_retries

    def test_a_file_that_is_not_about_us_is_not_parsed(self, here):
        assert write(here / "work/pyproject.toml", "no [TOML").tasks_default_retries == 0

    def test_a_working_directory_that_is_gone(self, here):
        (here / "work").rmdir()
        assert Settings(get_current_settings()._given).tasks_default_retries == 0

    def test_is_read_once(self, here, monkeypatch):
        settings = write(here / "work/pyproject.toml", f"[tool.millstream]\n{RETRIES} = 2")
        assert settings.tasks_default_retries == 2
        monkeypatch.setattr(_setting_sources, "_toml", None)
        assert settings.tasks_default_retries == 2
        assert settings.logging_level is None


class TestTemporarySettings:
    def test_nested(self, here, monkeypatch):
        del here
        monkeypatch.setenv(RETRIES, "1")
        with temporary_settings({RETRIES: 2, LEVEL: "DEBUG"}) as settings:
            assert settings is get_current_settings()
            assert settings.tasks_default_retries == 2
            with temporary_settings({RETRIES: "3"}) as inner:
                assert (inner.tasks_default_retries, inner.logging_level) == (3, 10)
            with temporary_settings(restore_defaults=[RETRIES]) as inner:
                assert inner.tasks_default_retries == 0
            assert get_current_settings() is settings
        assert get_current_settings().tasks_default_retries == 1

    def test_ends_with_an_exception(self):
        before = get_current_settings()
        with pytest.raises(KeyError), temporary_settings({RETRIES: 2}):
            raise KeyError
        assert get_current_settings() is before

    def test_wrong(self):
        with pytest.raises(SettingsError, match=f"no setting TASKS_DEFAULT_RETRIES.* Did you mean {RETRIES}"):
            temporary_settings({"TASKS_DEFAULT_RETRIES": 2}).__enter__()
        with (
            temporary_settings({RETRIES: None}) as settings,
            pytest.raises(SettingsError, match="cannot be None"),
        ):
            _ = settings.tasks_default_retries


def test_reading_without_files_loads_no_parser(tmp_path):
    code = (
        "import sys\nfrom millstream.settings import get_current_settings\n"
        "get_current_settings().tasks_default_retries\nassert not {'tomllib', 'json', 'difflib'} & set(sys.modules)"
    )
    environment = {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_a_declaration_describes_itself():
    assert Settings.tasks_default_retries.name == RETRIES
    for setting in DECLARED:
        assert setting.text.endswith(".")
        assert "|" not in setting.text + setting.default + setting.kind.takes

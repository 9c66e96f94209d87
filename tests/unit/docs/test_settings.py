"""docs/settings.md lists the settings as they are declared, and its examples work."""

import re
import tomllib
from pathlib import Path

from millstream.settings import Setting, Settings, temporary_settings

TEXT = (Path(__file__).parents[3] / "docs/settings.md").read_text()
DECLARED = [setting for setting in vars(Settings).values() if isinstance(setting, Setting)]


def row(setting):
    default = (
        setting.default if "`" in setting.default or setting.default == "none" else f"`{setting.default}`"
    )
    return f"| `{setting.name}` | {default} | {setting.kind.takes} | {setting.text} |"


def test_the_table_is_the_declaration():
    rows = re.findall(r"^\| `MILLSTREAM_.*$", TEXT, re.MULTILINE)
    assert rows == [row(setting) for setting in DECLARED]


def test_the_files_shown_have_settings_that_there_are(tmp_path, monkeypatch):
    profiles, project = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert tomllib.loads(profiles)["active"]
    (tmp_path / "profiles.toml").write_text(profiles)
    (tmp_path / "pyproject.toml").write_text(project)
    monkeypatch.chdir(tmp_path)
    with temporary_settings({"MILLSTREAM_HOME": tmp_path}) as settings:
        assert settings.tasks_default_retries == 1
        assert settings.concurrency_limits == {"database": 5}

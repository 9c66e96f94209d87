"""A history of its own for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream._history import recorder
from millstream.client import get_client
from millstream.settings import temporary_settings


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": True, "MILLSTREAM_HOME": folder}):
        yield folder
        recorder.close_all()


@pytest.fixture
def client(home):
    return get_client(sync_client=True)

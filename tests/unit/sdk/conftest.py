import pytest
from history_home import client, home
from still_world import logs, still

from millstream import _secrets

__all__ = ["client", "home", "logs", "no_secrets", "still"]


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    """What other tests have taken for secret is not masked in this one."""
    monkeypatch.setattr(_secrets, "_known", _secrets.Known())

"""States, signals and checks of caches, at Prefect 1's places."""

from millstream.v1.engine import cache_validators, signals, state

__all__ = ["cache_validators", "signals", "state"]

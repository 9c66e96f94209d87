"""The operator's settings, from its command line and environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Settings"]

_DESCRIPTION = "Runs FlowRuns as Kubernetes Jobs, and records how they end."
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this operator runs.

    Attributes:
        namespaces: the namespaces to serve, empty for all.
        port: of /metrics, /healthz and /readyz; 0 for any.
        log_level: DEBUG, INFO, WARNING or ERROR.
        workers: how many keys are worked on at a time.
    """

    namespaces: tuple[str, ...] = ()
    port: int = 8080
    log_level: str = "INFO"
    workers: int = 16

    @classmethod
    def read(cls, arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; a mistake ends the process with a message."""
        parser = argparse.ArgumentParser(
            prog="python -m millstream_operator",
            description=_DESCRIPTION,
            epilog="Every option can also be given as MILLSTREAM_OPERATOR_<OPTION> in the environment.",
        )
        default = {
            name: environment.get(f"MILLSTREAM_OPERATOR_{name.upper()}")
            for name in ("namespaces", "port", "log_level", "workers")
        }
        parser.add_argument(
            "--namespaces", default=default["namespaces"] or "", help="comma-separated; all if not given"
        )
        parser.add_argument("--port", type=int, default=default["port"] or cls.port)
        parser.add_argument("--log-level", default=default["log_level"] or cls.log_level, type=_log_level)
        parser.add_argument("--workers", type=_positive, default=default["workers"] or cls.workers)
        given = parser.parse_args(arguments)
        namespaces = tuple(name.strip() for name in given.namespaces.split(",") if name.strip())
        return cls(namespaces=namespaces, port=given.port, log_level=given.log_level, workers=given.workers)


def _log_level(text: str) -> str:
    # No `choices`: argparse does not hold a default, which here may come from the environment, against them.
    if text not in _LOG_LEVELS:
        raise argparse.ArgumentTypeError(f"choose one of {', '.join(_LOG_LEVELS)}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return int(text)

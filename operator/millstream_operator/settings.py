"""The operator's settings, from its command line and environment."""

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from millstream_operator.logs import FORMATS

__all__ = ["Settings"]

_DESCRIPTION = "Runs FlowRuns as Kubernetes Jobs, and records how they end."
_OPTIONS = (
    "namespaces", "port", "log_level", "log_format", "workers",
    "leader_election", "lease_name", "lease_namespace", "config_namespace", "scrape_seconds",
)  # fmt: skip
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this operator runs.

    Attributes:
        namespaces: the namespaces to serve, empty for all.
        port: of /metrics, /healthz and /readyz; 0 for any.
        log_level: DEBUG, INFO, WARNING or ERROR.
        log_format: text or json.
        workers: how many keys are worked on at a time.
        leader_election: write only while holding the lease, as one of several operators.
        lease_name: name of that lease.
        lease_namespace: its namespace.
        config_namespace: where what concerns the whole installation is configured.
        scrape_seconds: the longest time between two scrapes of one who scrapes /metrics.
    """

    namespaces: tuple[str, ...] = ()
    port: int = 8080
    log_level: str = "INFO"
    log_format: str = "text"
    workers: int = 16
    leader_election: bool = True
    lease_name: str = "millstream-operator"
    lease_namespace: str = "default"
    config_namespace: str = "default"
    scrape_seconds: int = 60

    @classmethod
    def read(
        cls,
        arguments: Sequence[str],
        environment: Mapping[str, str] = os.environ,
        own_namespace: Path = _OWN_NAMESPACE,
    ) -> "Settings":
        """Read the settings; a mistake ends the process with a message.

        Args:
            arguments: the command line.
            environment: each option as MILLSTREAM_OPERATOR_<OPTION>, for what is not on the command line.
            own_namespace: the file that in a pod has its namespace.
        """
        parser = argparse.ArgumentParser(
            prog="python -m millstream_operator",
            description=_DESCRIPTION,
            epilog="Every option can also be given as MILLSTREAM_OPERATOR_<OPTION> in the environment.",
        )
        environment = {name: environment.get(f"MILLSTREAM_OPERATOR_{name.upper()}", "") for name in _OPTIONS}
        own = own_namespace.read_text().strip() if own_namespace.exists() else cls.lease_namespace

        def add(name: str, type_: Callable[[str], object], default: object, text: str) -> None:
            option = "--" + name.replace("_", "-")
            parser.add_argument(option, type=type_, default=environment[name] or default, help=text)

        add("namespaces", _namespaces, "", "comma-separated; all if not given")
        add("port", int, cls.port, "of /metrics, /healthz and /readyz; 0 for any")
        add("log_level", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), cls.log_level, "what is logged")
        add("log_format", _one_of(*FORMATS), cls.log_format, "how it is logged")
        add("workers", _positive, cls.workers, "how many runs and deployments are worked on at a time")
        add("lease_name", _name, cls.lease_name, "the lease that operators for the same namespaces share")
        add("lease_namespace", _name, own, "where it is; the operator's own namespace if not given")
        add("config_namespace", _name, own, "where the installation is configured; likewise")
        add(
            "scrape_seconds",
            _seconds,
            cls.scrape_seconds,
            "the longest time between two scrapes of /metrics by one who scrapes it; a new counter is zero for twice as long",
        )
        try:
            leads = _flag(environment["leader_election"] or "true")
        except argparse.ArgumentTypeError as error:
            parser.error(f"MILLSTREAM_OPERATOR_LEADER_ELECTION: {error}")
        help_text = "write only while holding the lease"
        parser.add_argument(
            "--leader-election", action=argparse.BooleanOptionalAction, default=leads, help=help_text
        )
        return cls(**vars(parser.parse_args(arguments)))


# No `choices`: argparse does not hold a default, which here may come from the environment, against them.


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"choose one of {', '.join(words)}")
        return text

    return read


def _namespaces(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("give a name of lower-case letters, digits and dashes")
    return text


def _flag(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("give a whole number of seconds")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return int(text)

"""Tells the log of defaults that cannot be read: once for each mistake, and not for each run that it holds up."""

import logging

from millstream_operator.decide.observed import Defaults

__all__ = ["log_defaults"]

_log = logging.getLogger(__name__)


def log_defaults(old: Defaults | None, new: Defaults | None) -> None:
    """Warn of a mistake that was not there before."""
    if new is not None and new.error and (old is None or old.error != new.error):
        where = f"ConfigMap {new.name} in namespace {new.namespace}"
        _log.warning("%s cannot be read; nothing new starts where it applies: %s", where, new.error)

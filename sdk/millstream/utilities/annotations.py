"""Prefect's other place for `millstream.annotations`."""

from millstream.annotations import allow_failure, opaque, quote, unmapped

__all__ = ["allow_failure", "opaque", "quote", "unmapped"]

"""Prefect's place for its harness."""

from millstream.testing import harness as prefect_test_harness

__all__ = ["prefect_test_harness"]

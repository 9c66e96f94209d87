"""Tasks that come with the package, at Prefect 1's places."""

from millstream.v1.tasks import control_flow

__all__ = ["control_flow"]

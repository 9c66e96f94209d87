"""What is wrong with a flow of the declarative style."""

from millstream.exceptions import MillstreamError

__all__ = ["InvalidFlowError"]


class InvalidFlowError(MillstreamError, ValueError):
    """A flow cannot run as it was built; the message lists all that is wrong with it."""

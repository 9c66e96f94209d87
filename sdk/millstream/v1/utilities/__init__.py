"""Words around arguments, at Prefect 1's place."""

from millstream.v1.utilities import edges

__all__ = ["edges"]

"""The ids of flows, which are known by their names."""

from uuid import NAMESPACE_URL, uuid5


def flow_id(name: str) -> str:
    """The id of all flows of this name."""
    return str(uuid5(NAMESPACE_URL, f"millstream:flow/{name}"))

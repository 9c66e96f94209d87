"""Parameters as the history keeps them: JSON, of a bounded size, made while the run waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_TEXT = 2_000
_MOST_ITEMS = 100
_MOST_LEVELS = 5
_MOST_VALUES = 1_000


def snapshot(parameters: Mapping[str, Any]) -> str:
    """A JSON object of the parameters; what is no JSON is there by its type, and what is long is cut.

    No method of the values is called, as it could be slow, fail, or tell a secret.
    """
    left = _MOST_VALUES

    def plain(value: Any, levels: int) -> Any:
        nonlocal left
        left -= 1
        kind = type(value)
        if value is None or kind is bool or kind is int:
            return value if kind is not int or abs(value) < 2**63 else f"<int of {value.bit_length()} bits>"
        if kind is float:
            return value if value - value == 0 else str(value)  # JSON has no infinities
        if kind is str:
            text = value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
            return text.encode("utf-8", "replace").decode()
        if kind in _COLLECTIONS and levels and left > 0:
            return _collection(value, lambda item: plain(item, levels - 1))
        return f"<{kind.__name__}>"

    return json.dumps({str(name): plain(value, _MOST_LEVELS) for name, value in parameters.items()})


_COLLECTIONS = (list, tuple, dict, set, frozenset)


def _collection(value: Any, plain: Any) -> Any:
    more = len(value) - _MOST_ITEMS
    if type(value) is dict:
        some = list(value.items())[:_MOST_ITEMS] if more > 0 else list(value.items())
        shown = {str(plain(key)): plain(item) for key, item in some}
        return shown | {"…": f"{more} more"} if more > 0 else shown
    items = [plain(item) for item in list(value)[:_MOST_ITEMS]]
    return [*items, f"… {more} more"] if more > 0 else items

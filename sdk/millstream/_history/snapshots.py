"""Parameters and artifacts as the history keeps them: JSON without secrets, parameters of a bounded size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from millstream._secrets import MASK, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST_TEXT = 2_000
_MOST_ITEMS = 100
_MOST_LEVELS = 5
_MOST_VALUES = 1_000
_LARGEST_INT = 2**63
_COLLECTIONS = (list, tuple, dict, set, frozenset)


def snapshot(parameters: Mapping[str, Any]) -> str:
    """A JSON object of the parameters; what is no JSON is there by its type, and what is long is cut.

    No method of the values is called, as it could be slow, fail, or tell a secret.
    """
    left = _MOST_VALUES

    def plain(value: Any, levels: int) -> Any:
        nonlocal left
        left -= 1
        if type(value) in _COLLECTIONS and levels and left > 0:
            return _some_of(value, lambda item: plain(item, levels - 1))
        return _plain(value)

    return json.dumps({str(name): plain(value, _MOST_LEVELS) for name, value in parameters.items()})


def without_secrets(data: Any) -> str:
    """What JSON can say, as JSON."""

    def masked(value: Any) -> Any:
        if isinstance(value, dict):
            return {text(key): masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [masked(item) for item in value]
        return _masked(value)

    return json.dumps(masked(data))


def text(value: str, longest: int | None = None) -> str:
    """A text without secrets that a file can keep; with a length, cut to it."""
    whole = mask(value).encode("utf-8", "replace").decode()
    return whole if longest is None or len(whole) <= longest else f"{whole[:longest]}…"


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return text(value, _LONGEST_TEXT)
    if kind is float:
        return _masked(value) if value - value == 0 else str(value)  # JSON has no infinities
    if kind is int and abs(value) >= _LARGEST_INT:
        return f"<int of {value.bit_length()} bits>"
    return _masked(value) if value is None or kind in {bool, int} else f"<{kind.__name__}>"


def _masked(value: Any) -> Any:
    """A text without secrets; a number unless it is one."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool) or value is None:
        return value
    return value if mask(str(value)) == str(value) else MASK


def _some_of(value: Any, plain: Callable[[Any], Any]) -> Any:
    more = len(value) - _MOST_ITEMS
    if type(value) is dict:
        some = list(value.items())[:_MOST_ITEMS]
        shown = {str(plain(key)): plain(item) for key, item in some}
        return shown | {"…": f"{more} more"} if more > 0 else shown
    items = [plain(item) for item in list(value)[:_MOST_ITEMS]]
    return [*items, f"… {more} more"] if more > 0 else items

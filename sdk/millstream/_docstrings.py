"""What a docstring says about parameters."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from docstring_parser import ParseError, parse

if TYPE_CHECKING:
    from collections.abc import Callable


def descriptions(fn: Callable[..., Any]) -> dict[str, str]:
    """The descriptions of a function's parameters by name, from a docstring in Google's, NumPy's or Sphinx's style."""
    docstring = inspect.getdoc(getattr(fn, "__func__", getattr(fn, "func", fn)))
    if not docstring:
        return {}
    try:
        described = parse(docstring).params
    except ParseError:
        return {}
    return {each.arg_name.lstrip("*"): each.description for each in described if each.description}

"""What a query of PromQL asks for."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    """Go through what a query selects; a ValueError if it is no PromQL."""
    yield from _selectors(promql_parser.parse(expression))


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    parts = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    for part in (*parts, *(getattr(node, "args", None) or ())):
        if part is not None and not isinstance(part, str):
            yield from _selectors(part)


def asked(expression: str) -> set[str]:
    """Name the metrics that a query asks for, histograms without their endings."""
    return {re.sub(r"_(bucket|count|sum)$", "", selector.name) for selector in selectors(expression)}

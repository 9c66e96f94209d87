"""What is wrong with parameters, in words: which one, what it got, and nothing that is secret."""

from __future__ import annotations

import reprlib
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

_LONGEST_VALUE = 80
_MOST_PROBLEMS = 20
# Dataclasses, typed dicts (`typing.is_typeddict` does not know those of typing_extensions) and named tuples.
_MARKS_OF_RECORDS = ("__dataclass_fields__", "__required_keys__", "_fields")


def explained(owner: str, problems: Sequence[ErrorDetails], hints: Mapping[str, Any]) -> str:
    """The message for bad parameters.

    Args:
        owner: What got them.
        problems: What pydantic found.
        hints: The type hints by parameter.
    """
    shown = problems[:_MOST_PROBLEMS]
    secret = {name for name in {str(problem["loc"][0]) for problem in shown} if holds_secret(hints[name])}
    lines = [_line(problem, hide=str(problem["loc"][0]) in secret) for problem in shown]
    if len(lines) == 1:
        return f"{owner} got a bad parameter: {lines[0]}"
    if more := len(problems) - len(shown):
        lines.append(f"and {more} more")
    return "\n  ".join([f"{owner} got bad parameters:", *lines])


def holds_secret(hint: Any) -> bool:
    """Whether a value of this type has a secret in it, at whatever depth."""
    seen: dict[int, Any] = {}  # by id: what a hint is annotated with need not be hashable, nor comparable
    ahead = [hint]
    while ahead:
        hint = ahead.pop()
        if isinstance(hint, type) and issubclass(hint, Secret | SecretStr | SecretBytes):
            return True
        if id(hint) not in seen:
            seen[id(hint)] = hint
            ahead.extend(_parts(hint))
    return False


def _line(problem: ErrorDetails, *, hide: bool) -> str:
    """One bad value, as `x: Input should be a valid integer, got 'zz' (str)`."""
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{where}: {problem['msg']}"
    value = problem["input"]
    if hide:
        return f"{where}: {problem['msg']}, got a value that is not shown ({type(value).__name__})"
    return f"{where}: {problem['msg']}, got {_short(value)} ({type(value).__name__})"


def _short(value: Any) -> str:
    """The beginning of a value's `repr`, which is not made in full: a value may have megabytes."""
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = 4 * _LONGEST_VALUE
    text = shortened.repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _parts(hint: Any) -> Iterator[Any]:
    """The types that a type is made of."""
    yield from (typing.get_origin(hint), *typing.get_args(hint))
    yield getattr(hint, "__value__", None)  # of a `type X = ...`
    if not isinstance(hint, type):
        return
    if issubclass(hint, BaseModel):
        yield from (field.annotation for field in hint.model_fields.values())
    elif any(hasattr(hint, mark) for mark in _MARKS_OF_RECORDS):
        try:
            yield from typing.get_type_hints(hint).values()
        except Exception:  # noqa: BLE001 - an annotation may be any text; what it stands for may be a secret
            yield Secret

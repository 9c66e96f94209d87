"""Options of flows and tasks, checked where they are written down: at the decorator.

Each error names the option, what it takes and what it got.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._callables import is_async

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


_INSTEAD = {
    "asset_deps": "use logs, or results that are kept",
    "cache_result_in_memory": "leave it out; a result lives as long as its state",
    "result_storage_block": "give result_storage a path or a URL",
    "tags": "use `with tags(...)` around the call",
}
"""What to do in the place of options that Prefect has and Millstream has not."""


def check_options(given: dict[str, Any], known: frozenset[str], decorator: str) -> None:
    """Refuse options that do not exist, with a guess at what was meant.

    Raises:
        TypeError: There are unknown options.
    """
    if given.keys() <= known:
        return
    import difflib  # noqa: PLC0415 - for the error alone

    problems = []
    for option in given.keys() - known:
        if option in _INSTEAD:
            problems.append(f"{option!r} ({_INSTEAD[option]})")
            continue
        close = difflib.get_close_matches(option, known, n=1)
        problems.append(f"{option!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
    raise TypeError(
        f"@{decorator} has no option {', '.join(sorted(problems))}. It has: {', '.join(sorted(known))}."
    )


def check_kinds(given: Mapping[str, Any], kinds: Mapping[str, type], decorator: str) -> None:
    """Refuse options whose values are of a wrong type; None stands for the default.

    Raises:
        TypeError: One is.
    """
    for option, kind in kinds.items():
        value = given.get(option)
        if value is not None and not isinstance(value, kind):
            takes = "True or False" if kind is bool else "a text"
            raise TypeError(f"{option} of a {decorator} is {takes}, and got {value!r}.")


def check_callback(option: str, fn: object, *arguments: str, kind: str = "a function") -> None:
    """Refuse what cannot be called with these arguments.

    Raises:
        TypeError: It cannot, or it is asynchronous, which nobody would await.
    """
    takes = f"{option} is {kind} that is called as fn({', '.join(arguments)})"
    if not callable(fn):
        raise TypeError(f"{takes}, and got {fn!r}.")
    if is_async(fn):
        raise TypeError(f"{takes}, and got one that is asynchronous: {fn!r}.")
    import inspect  # noqa: PLC0415 - slow to import

    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # some of those written in C tell nothing
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise TypeError(f"{takes}, and got one that takes {signature}: {fn!r}.") from None


def check_template(option: str, template: str, parameters: Iterable[str], owner: str) -> None:
    """Refuse a text whose braces hold something else than parameters.

    Raises:
        ValueError: It is no such text.
    """
    known = list(parameters)
    takes = f"{option} is a text with the flow's parameters in braces"
    try:
        fields = list(_fields(template))
    except ValueError as error:
        raise ValueError(f"{takes}, and got {template!r}: {error}.") from None
    unknown = [f"{{{field}}}" for field in fields if field not in known]
    if unknown:
        has = f"has {', '.join(known)}" if known else "has no parameters"
        raise ValueError(f"{takes}, and got {template!r} with {', '.join(unknown)}: {owner} {has}.")


def _fields(template: str) -> Iterator[str]:
    """The names in braces, `person` of `{person.name:>{width}}` and also `width`."""
    import string  # noqa: PLC0415 - for those who have a template

    for _, field, spec, _ in string.Formatter().parse(template):
        if field is not None:
            yield field.partition(".")[0].partition("[")[0]
            yield from _fields(spec or "")

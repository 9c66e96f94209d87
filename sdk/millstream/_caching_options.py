"""The options of tasks that say under which key a result is kept, checked at the decorator.

What goes against another option is told, and the other one counts, as in Prefect.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from millstream._options import check_callback
from millstream.cache_policies import NO_CACHE, CachePolicy, excluded_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_logger = logging.getLogger("millstream")
_CACHING = ("cache_policy", "cache_key_fn", "cache_expiration", "result_storage_key")
_FIELDS = ("parameters", "flow_run", "task_run")


def says_how_to_keep(given: Mapping[str, Any]) -> bool:
    """Whether one of the options would mean nothing if results were not kept."""
    return any(_is_given(given, option) for option in (*_CACHING, "result_storage", "result_serializer"))


def check_caching(given: Mapping[str, Any], fn: Callable[..., Any], owner: str) -> None:
    """Refuse what is wrong, and tell what goes against another option.

    Args:
        given: The options that are not None.
        fn: The task's function.
        owner: The task in messages.

    Raises:
        TypeError: An option is of a wrong type.
        ValueError: An option names a parameter that is none.
    """
    policy = given.get("cache_policy", NO_CACHE)
    if not isinstance(policy, CachePolicy):
        raise TypeError(
            f"cache_policy is one of millstream.cache_policies, such as INPUTS + TASK_SOURCE, and got {policy!r}."
        )
    if not isinstance(given.get("cache_expiration", timedelta()), timedelta):
        raise TypeError(f"cache_expiration is a timedelta, and got {given['cache_expiration']!r}.")
    if "cache_key_fn" in given:
        check_callback("cache_key_fn", given["cache_key_fn"], "context", "parameters")
    if conflict := _conflict(given, policy):
        _logger.warning("%s: %s", owner, conflict)
    _check_exclusions(excluded_inputs(policy), fn, owner)
    _check_key(given.get("result_storage_key", ""), fn, owner)


def _is_given(given: Mapping[str, Any], option: str) -> bool:
    return given.get(option) is not None and given[option] is not NO_CACHE


def _conflict(given: Mapping[str, Any], policy: CachePolicy) -> str:
    """What is said twice or in vain, and which of it counts."""
    if given.get("persist_result") is False:
        ignored = [option for option in _CACHING if _is_given(given, option)]
        if given.get("refresh_cache"):
            ignored.append("refresh_cache")
        return f"persist_result=False keeps nothing, so {', '.join(ignored)} is ignored." if ignored else ""
    if policy is NO_CACHE:
        return ""
    other = next((option for option in ("cache_key_fn", "result_storage_key") if option in given), None)
    return f"cache_policy is ignored: {other} says what the key is." if other else ""


def _check_exclusions(names: list[str], fn: Callable[..., Any], owner: str) -> None:
    unknown = [name for name in names if name not in _parameters(fn)]
    if unknown:
        raise ValueError(f"cache_policy leaves out {', '.join(map(repr, unknown))}: {_known(fn, owner)}.")


def _check_key(template: str, fn: Callable[..., Any], owner: str) -> None:
    if "{" not in template and "}" not in template:
        return
    from string import Formatter  # noqa: PLC0415 - for those who have a template

    takes = (
        "result_storage_key is a text with {parameters[name]}, {flow_run.name}, {task_run.name} and the like"
    )
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise ValueError(f"{takes}, and got {template!r}: {error}.") from None
    for field in fields:
        of, _, name = field.replace("]", "[").partition("[")
        name = name.partition("[")[0]
        if of.partition(".")[0] not in _FIELDS:
            raise ValueError(f"{takes}, and got {template!r} with {{{field}}}.")
        if of == "parameters" and name and name not in _parameters(fn):
            raise ValueError(f"{takes}, and got {template!r} with {{{field}}}: {_known(fn, owner)}.")


def _known(fn: Callable[..., Any], owner: str) -> str:
    return f"{owner} has {', '.join(_parameters(fn)) or 'no parameters'}"


def _parameters(fn: Callable[..., Any]) -> list[str]:
    """Names of what the function takes, of a method with the object that it is called on."""
    import inspect  # noqa: PLC0415 - slow to import

    return list(inspect.signature(getattr(fn, "__func__", fn)).parameters)

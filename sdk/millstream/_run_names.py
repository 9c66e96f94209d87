"""Names of runs, made by `flow_run_name` and `task_run_name`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._callables import is_async
from millstream._options import check_callback, check_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from millstream._parameters import Parameters


def check_run_name(option: str, given: object, parameters: Parameters, owner: str) -> None:
    """Refuse what makes no names.

    Raises:
        TypeError: It is neither text nor a function that can be called without arguments or with `parameters`.
        ValueError: The text has something else than parameters in its braces.
    """
    if isinstance(given, str):
        if "{" in given or "}" in given:
            check_template(option, given, parameters.signature.parameters, owner)
    elif not callable(given) or is_async(given) or not _takes_parameters(given):
        check_callback(option, given, kind="a text, or a function")


def run_name(option: str, given: str | Callable[..., str], parameters: Mapping[str, Any]) -> str:
    """Make a name.

    Raises:
        TypeError: The function gave no text.
    """
    if isinstance(given, str):
        return given.format(**parameters)
    made = given(parameters=parameters) if _takes_parameters(given) else given()
    if not isinstance(made, str):
        raise TypeError(f"{option} is to give a text, and gave {made!r}.")
    return made


def _takes_parameters(fn: Callable[..., Any]) -> bool:
    import inspect  # noqa: PLC0415 - slow to import

    try:
        return "parameters" in inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some of those written in C tell nothing
        return False

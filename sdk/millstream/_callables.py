"""What a decorator has to know about the function it was put on."""

from __future__ import annotations

from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from millstream.exceptions import InvalidNameError, ReservedArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

_POSITIONAL_VARIADIC, _KEYWORD_VARIADIC, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = (
    0x04,
    0x08,
    0x20,
    0x80,
    0x200,
)
_RESERVED = frozenset({"return_state", "wait_for"})
_BANNED_IN_NAMES = frozenset("/%&><")


def code_of(fn: Callable[..., Any]) -> CodeType | None:
    """The code of a function or method; None for other callables.

    `inspect` would tell as well, but importing it takes as long as importing all of this package.
    """
    if isinstance(fn, MethodType):
        fn = fn.__func__
    return fn.__code__ if isinstance(fn, FunctionType) else None


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives a coroutine."""
    code = code_of(fn)
    if code is not None:
        return bool(code.co_flags & _COROUTINE)
    import inspect  # noqa: PLC0415 - only for partials and callable objects

    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def is_generator(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives a generator, an asynchronous one included."""
    code = code_of(fn)
    return code is not None and bool(code.co_flags & (_GENERATOR | _ASYNC_GENERATOR))


def is_async_generator(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives an asynchronous generator."""
    code = code_of(fn)
    return code is not None and bool(code.co_flags & _ASYNC_GENERATOR)


def positional_counts(fn: Callable[..., Any]) -> range:
    """With how many positional arguments alone `fn` can certainly be called; empty if only `inspect` can tell."""
    code = code_of(fn)
    if (
        code is None
        or hasattr(fn, "__wrapped__")
        or code.co_kwonlyargcount
        or code.co_flags & (_POSITIONAL_VARIADIC | _KEYWORD_VARIADIC)
    ):
        return range(0)
    most = code.co_argcount - isinstance(fn, MethodType)
    return range(most - len(getattr(fn, "__defaults__", None) or ()), most + 1)


def check_function(fn: object, decorator: str) -> None:
    """Refuse what cannot be a flow or a task.

    Raises:
        TypeError: It is no callable, or a class.
        ReservedArgumentError: It has a parameter with a name that calls keep for themselves.
    """
    if not callable(fn) or isinstance(fn, type):
        raise TypeError(
            f"@{decorator} goes on a function, and got {fn!r}. Options are named: @{decorator}(name=...).",
        )
    code, name = code_of(fn), getattr(fn, "__qualname__", "")
    if code is None:
        return
    reserved = _RESERVED.intersection(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    if reserved:
        raise ReservedArgumentError(
            f"{name}() cannot be a {decorator}: its parameter {min(reserved)} means something else in calls of one.",
        )


def function_name(fn: Callable[..., Any]) -> str:
    """The name of a function; of its class for a callable object, of the inner function for a partial."""
    inner = getattr(fn, "func", fn)
    return str(getattr(inner, "__name__", type(inner).__name__)).strip("<>")  # of "<lambda>"


def check_name(name: object, what: str) -> str:
    """The name, if it can be one.

    Raises:
        TypeError: It is no text.
        InvalidNameError: It is empty or has characters that break addresses and labels.
    """
    if not isinstance(name, str):
        raise TypeError(f"A {what}'s name is text, and got {name!r}.")
    banned = sorted(_BANNED_IN_NAMES.intersection(name))
    if not name or banned:
        reason = f"has {' '.join(banned)}" if banned else "is empty"
        raise InvalidNameError(f"{name!r} cannot be the name of a {what}: it {reason}.")
    return name

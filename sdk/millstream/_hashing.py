"""Hashes of values: equal values of the same type give equal hashes, in every process.

A value is hashed by its type and content, and never as one pickle: a pickle differs with the order of sets and with
which of its parts are the same object. Where that cannot be told apart, as `-0.0` and `0.0`, the hashes differ.
"""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from types import BuiltinMethodType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from millstream.exceptions import HashError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SCALARS = (bool, int, float, complex, type(None))
_PROTOCOL = 4  # the last one in which everything is inside of the pickle


def hash_of(value: Any, what: str) -> str:
    """A hash of the value, 32 hexadecimal digits.

    Args:
        value: Any value that pickle could write, functions of all kinds included.
        what: Named in the error.

    Raises:
        HashError: It cannot be written, as a lock or an open file.
    """
    try:
        return hashlib.blake2b(_Hasher().digest(value), digest_size=16).hexdigest()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise HashError(f"{what} ({type(value).__name__}) cannot be part of a cache key: {reason}") from error


class _Hasher:
    """The digests of a value and of all that is in it, each of them computed once."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, bytes]] = {}  # with the value, so that its id stays its own
        self._above: dict[int, int] = {}

    def digest(self, value: Any) -> bytes:
        kind = type(value)
        if kind in _SCALARS:
            return (
                f"{kind.__name__}:{value!r};".encode()
            )  # quicker than a digest, which never looks like this
        if kind is str:
            return _digest("str", value.encode("utf-8", "surrogatepass"))
        if kind in (bytes, bytearray):
            return _digest(kind.__name__, value)
        key = id(value)
        if key in self._done:
            return self._done[key][1]
        if key in self._above:  # it is inside of itself: so many steps further out
            return _digest("above", str(len(self._above) - self._above[key]).encode())
        self._above[key] = len(self._above)
        digest = self._compound(value, kind)
        del self._above[key]
        self._done[key] = value, digest
        return digest

    def _compound(self, value: Any, kind: type) -> bytes:  # noqa: PLR0911 - one for each kind
        if kind in (list, tuple):
            return self._ordered(kind.__name__, value)
        if kind in (set, frozenset):
            return _digest(kind.__name__, *sorted(map(self.digest, value)))
        if kind is dict:
            return self._dict(value)
        if isinstance(value, type | ModuleType):
            return _digest("name", _name(value))
        if kind is FunctionType:
            return self._function(value)
        if kind is CodeType:
            return self._ordered("code", (value.co_code, value.co_consts, value.co_names, value.co_freevars))
        if hasattr(kind, "model_fields") and hasattr(value, "model_dump"):
            return self._ordered("model", (kind, *_parts_of_model(value, kind.model_fields)))
        if hasattr(kind, "__dataclass_fields__"):
            return self._ordered("dataclass", (kind, _parts_of_dataclass(value)))
        return self._object(value, kind)

    def _ordered(self, tag: str, items: Iterable[Any]) -> bytes:
        return _digest(tag, *map(self.digest, items))

    def _dict(self, value: dict[Any, Any]) -> bytes:
        return _digest("dict", *sorted(self.digest(key) + self.digest(item) for key, item in value.items()))

    def _function(self, value: FunctionType) -> bytes:
        """By its name where that leads to it, else by what it does."""
        found: Any = sys.modules.get(value.__module__)
        for part in value.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is value and value.__module__ != "__main__":
            return _digest("name", _name(value))
        captured = [cell.cell_contents for cell in value.__closure__ or ()]
        return self._ordered("function", (value.__code__, value.__defaults__, value.__kwdefaults__, captured))

    def _object(self, value: Any, kind: type) -> bytes:
        """By what pickle would make it of again."""
        import copyreg  # noqa: PLC0415 - for what is no plain data

        reduce = copyreg.dispatch_table.get(kind)
        parts = value.__reduce_ex__(_PROTOCOL) if reduce is None else reduce(value)
        if isinstance(parts, str):
            return _digest("name", _name(value) if kind is BuiltinMethodType else _name(kind), parts.encode())
        make, arguments, state, items, entries = (*parts, None, None, None)[:5]
        entries = None if entries is None else list(entries)
        ordered = hasattr(value, "move_to_end")  # as for the == of an OrderedDict
        if isinstance(value, dict) and not ordered:
            entries = dict(entries or ())
        return self._ordered(
            "object", (kind, make, arguments, state, None if items is None else list(items), entries)
        )


def _digest(tag: str, *parts: bytes | bytearray) -> bytes:
    digest = hashlib.blake2b(f"{tag}{len(parts)}:".encode(), digest_size=16)
    for part in parts:
        digest.update(part)
    return b"#" + digest.digest()


def _name(value: Any) -> bytes:
    module = getattr(value, "__module__", None)
    return f"{module}.{getattr(value, '__qualname__', None) or value.__name__}".encode()


def _parts_of_model(value: Any, fields: Iterable[str]) -> tuple[Any, ...]:
    """What two models are compared by."""
    held = {name: vars(value)[name] for name in fields if name in vars(value)}
    return held, getattr(value, "__pydantic_extra__", None), getattr(value, "__pydantic_private__", None)


def _parts_of_dataclass(value: Any) -> dict[str, Any]:
    """What two of them are compared by."""
    from dataclasses import fields  # noqa: PLC0415 - loaded where there is a dataclass

    return {field.name: getattr(value, field.name, None) for field in fields(value) if field.compare}


def source_of(fn: Callable[..., Any]) -> str | CodeType:
    """The source of a function; its byte code where there is no source, as in a console."""
    inner = getattr(fn, "__func__", fn)  # of a method, so that what is remembered holds on to no object
    return _source_of_function(inner) if isinstance(inner, FunctionType) else _source_of(inner)


@lru_cache(maxsize=512)
def _source_of_function(fn: FunctionType) -> str | CodeType:
    return _source_of(fn)


def _source_of(fn: Callable[..., Any]) -> str | CodeType:
    import inspect  # noqa: PLC0415 - slow to import

    try:
        return inspect.getsource(fn)
    except (TypeError, OSError):
        code: CodeType | None = getattr(fn, "__code__", None)
        return repr(type(fn)) if code is None else code

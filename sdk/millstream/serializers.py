"""How results become bytes, and values again."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any

from millstream.exceptions import MillstreamError

__all__ = [
    "CompressedSerializer",
    "JSONSerializer",
    "PickleSerializer",
    "SerializationError",
    "Serializer",
    "serializer_of",
]

_COMPRESSED = {
    "compressed": "gzip",
    "compressed-bz2": "bz2",
    "compressed-lzma": "lzma",
    "compressed-zlib": "zlib",
}


class SerializationError(MillstreamError, TypeError):
    """A value cannot be kept, since it would not come back."""


class Serializer(ABC):
    """Makes bytes of values and values of bytes.

    Attributes:
        type: The name that stands beside what it wrote, by which `serializer_of` finds what can read it.
    """

    type: str

    @abstractmethod
    def dumps(self, value: Any) -> bytes:
        """The value as bytes.

        Raises:
            SerializationError: The value would not come back.
        """

    @abstractmethod
    def loads(self, data: bytes) -> Any:
        """The value that became these bytes."""


class PickleSerializer(Serializer):
    """Keeps nearly everything, and brings it back as it was.

    Reading runs what the data says: whoever can write to the storage can run code where results are read.

    Args:
        picklelib: `cloudpickle`, which takes functions and classes of the main module too, or `pickle`.
    """

    type = "pickle"

    def __init__(self, picklelib: str = "cloudpickle") -> None:
        if picklelib not in {"cloudpickle", "pickle"}:
            raise ValueError(f"There is no picklelib {picklelib!r}: use 'cloudpickle' or 'pickle'.")
        self.picklelib = picklelib

    def dumps(self, value: Any) -> bytes:
        """The value as a pickle."""
        library = importlib.import_module(self.picklelib)
        try:
            data: bytes = library.dumps(value, protocol=5)  # what every Python that we support can read
        except Exception as error:
            raise SerializationError(
                f"A value of type {_type_name(value)} cannot be pickled: {error}. Return data, and not what lives in "
                "this process only (open files, connections, locks, generators), or set persist_result=False.",
            ) from error
        return data

    def loads(self, data: bytes) -> Any:
        """The value of a pickle."""
        import pickle  # noqa: PLC0415 - slow

        return pickle.loads(data)  # noqa: S301 - the class says what this means


class JSONSerializer(Serializer):
    """Keeps what JSON can say, readable for other programs: texts, numbers, None, lists, dictionaries with texts as keys.

    All else is refused, since it would come back as something else: a tuple as a list, a time as a text.
    """

    type = "json"

    def dumps(self, value: Any) -> bytes:
        """The value as JSON."""
        from pydantic_core import from_json, to_json  # noqa: PLC0415 - slow

        try:
            if (foreign := _not_in_json(value)) is not None:
                raise TypeError(f"no {foreign} comes back from it")  # noqa: TRY301 - explained below
            data = to_json(value, inf_nan_mode="constants")
            # Deep nesting can be written but not read.
            if to_json(from_json(data), inf_nan_mode="constants") != data:
                raise ValueError("not all of it would come back")  # noqa: TRY301
        except Exception as error:
            raise SerializationError(
                f"A value of type {_type_name(value)} cannot be kept as JSON: {error}. Return texts, numbers, lists "
                "and dictionaries with texts as keys, or use result_serializer='pickle'.",
            ) from error
        return data

    def loads(self, data: bytes) -> Any:
        """The value of the JSON, in JSON's own types."""
        from pydantic_core import from_json  # noqa: PLC0415 - slow

        return from_json(data)


class CompressedSerializer(Serializer):
    """Compresses what another serializer writes.

    Args:
        serializer: The other one, or its name.
        compressionlib: One of `gzip`, `bz2`, `lzma`, `zlib`.
    """

    def __init__(self, serializer: Serializer | str, compressionlib: str = "gzip") -> None:
        names = {library: name for name, library in _COMPRESSED.items()}
        if compressionlib not in names:
            raise ValueError(f"There is no compressionlib {compressionlib!r}: use one of {', '.join(names)}.")
        self.serializer = serializer_of(serializer)
        self.compressionlib = compressionlib
        self.type = f"{names[compressionlib]}/{self.serializer.type}"

    def dumps(self, value: Any) -> bytes:
        """The value as compressed bytes."""
        data: bytes = importlib.import_module(self.compressionlib).compress(self.serializer.dumps(value))
        return data

    def loads(self, data: bytes) -> Any:
        """The value of compressed bytes."""
        return self.serializer.loads(importlib.import_module(self.compressionlib).decompress(data))


def serializer_of(option: Serializer | str | None) -> Serializer:
    """The serializer that an option such as `result_serializer` names.

    Args:
        option: A serializer, its name, or None for pickle.

    Raises:
        ValueError: There is none of this name.
        TypeError: It is neither a serializer nor a text.
    """
    if option is None:
        return PickleSerializer()
    if isinstance(option, Serializer):
        return option
    if not isinstance(option, str):
        raise TypeError(
            f"A serializer cannot be made of {type(option).__name__}: give a name or an object of a class in "
            "millstream.serializers."
        )
    if option in _PLAIN:
        return _PLAIN[option]()
    how, _, inner = option.partition("/")
    if inner and how in _COMPRESSED:
        return CompressedSerializer(inner, _COMPRESSED[how])
    raise ValueError(
        f"There is no serializer {option!r}: use one of {', '.join(_PLAIN)}, or compressed/ and one of these, or an "
        "object of a class in millstream.serializers.",
    )


_PLAIN: dict[str, type[Serializer]] = {"pickle": PickleSerializer, "json": JSONSerializer}


def _not_in_json(value: Any) -> str | None:
    """What JSON cannot say of a value, the first that there is; None if it comes back as it was."""
    if type(value) is dict:
        keys = (f"key of type {_type_name(key)}" for key in value if type(key) is not str)
        return next(keys, None) or _not_in_json(list(value.values()))
    if type(value) is list:
        return next(filter(None, map(_not_in_json, value)), None)
    return None if type(value) in _IN_JSON else f"value of type {_type_name(value)}"


_IN_JSON = frozenset({str, int, float, bool, type(None)})


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

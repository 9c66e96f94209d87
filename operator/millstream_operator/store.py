"""Objects of one kind, found by name and by the object that they belong to."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Store", "Stored"]


class Stored(Protocol):
    """What the objects have in common."""

    @property
    def namespace(self) -> str:
        """Its namespace."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def uid(self) -> str:
        """Its UID."""

    @property
    def version(self) -> int:
        """Its resourceVersion, which Kubernetes lets clients compare as a number since 1.35."""


T = TypeVar("T", bound=Stored)


class _Names:
    def __init__(self, objects: Mapping[tuple[str, str], object], namespace: str) -> None:
        self._objects = objects
        self._namespace = namespace

    def __contains__(self, name: object) -> bool:
        return (self._namespace, name) in self._objects


class Store(Generic[T]):
    """Objects by name, and by parent."""

    def __init__(self, read: Callable[[dict[str, Any]], T], parent: Callable[[T], str | None]) -> None:
        """Make an empty store.

        Args:
            read: makes an object from the API's form.
            parent: names what an object belongs to, in the same namespace.
        """
        self.read = read
        self._parent = parent
        self._objects: dict[tuple[str, str], T] = {}
        self._children: defaultdict[tuple[str, str], dict[str, T]] = defaultdict(dict)

    def get(self, namespace: str, name: str) -> T | None:
        """Find an object by its name."""
        return self._objects.get((namespace, name))

    def of(self, namespace: str, parent: str) -> dict[str, T]:
        """Give the objects of a parent, by name."""
        return self._children.get((namespace, parent), {})

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def within(self, namespace: str) -> Container[str]:
        """Give the names of a namespace's objects, to ask whether one is among them."""
        return _Names(self._objects, namespace)

    def put(self, new: T) -> None:
        """Store an object, in place of one of the same name."""
        self.remove(new.namespace, new.name)
        self._objects[new.namespace, new.name] = new
        if (parent := self._parent(new)) is not None:
            self._children[new.namespace, parent][new.name] = new

    def remove(self, namespace: str, name: str) -> None:
        """Remove an object, if it is there."""
        old = self._objects.pop((namespace, name), None)
        if old is not None and (parent := self._parent(old)) is not None:
            siblings = self._children[namespace, parent]
            siblings.pop(name, None)
            if not siblings:
                del self._children[namespace, parent]

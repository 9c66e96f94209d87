"""The base of all blocks."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from millstream import _secrets
from millstream._beside import beside
from millstream.blocks import _places
from millstream.blocks._fields import fitted, problems, revealed, secrets_in
from millstream.exceptions import BlockError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Block"]

_SLUG = re.compile(r"(?=.{1,100}$)[a-z0-9]+(-[a-z0-9]+)*")
_types: dict[str, type[Block]] = {}


class Block(BaseModel):
    """Configuration with a type and a name: a subclass has the fields, which may be secret.

    The slug of a type, its name where blocks are kept, is made from `_block_type_name` or else from the name of the
    class. `block_initialization` may be overridden: it is called when all fields are there.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    _block_type_name: ClassVar[str | None] = None
    _block_type_slug: ClassVar[str | None] = None
    _logo_url: ClassVar[Any] = None
    _documentation_url: ClassVar[Any] = None
    _description: ClassVar[str | None] = None
    _code_example: ClassVar[str | None] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Make the type known by its slug."""
        super().__pydantic_init_subclass__(**options)
        is_abstract = not cls.model_fields or cls.__name__.startswith("Abstract")
        if cls.__pydantic_generic_metadata__["origin"] is None and not is_abstract:
            _make_known(cls)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self._have_masked()
        self.block_initialization()
        return self

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """In another process its secrets are not known before."""
        super().__setstate__(state)
        self._have_masked()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's; secrets among the new values are masked too."""
        copied = super().model_copy(update=update, deep=deep)
        copied._have_masked()  # noqa: SLF001 - its own class
        return copied

    if not TYPE_CHECKING:  # else anything could be assigned

        def __setattr__(self, name: str, value: Any) -> None:
            """As pydantic's; secrets in the new value are masked too."""
            super().__setattr__(name, value)
            _secrets.remember(list(secrets_in(value)))

    def _have_masked(self) -> None:
        _secrets.remember(list(secrets_in(self)))

    def block_initialization(self) -> None:
        """Called when all fields are there."""

    @classmethod
    def get_block_type_name(cls) -> str:
        """The type's name for people."""
        return vars(_own(cls)).get("_block_type_name") or _own(cls).__name__

    @classmethod
    def get_block_type_slug(cls) -> str:
        """The type's name where blocks are kept."""
        own = vars(_own(cls))
        if slug := own.get("_block_type_slug"):
            return str(slug)
        return _slug(own.get("_block_type_name") or _kebab(_own(cls).__name__))

    @classmethod
    def load(cls, name: str) -> Self:
        """The block of that name, from the folder of blocks, the environment, or what `save` has written.

        Args:
            name: Its name; of `Block` itself, the type's slug and the name, as `slack-webhook/alerts`.

        Raises:
            BlockError: There is none, it is of another type, or what is kept is not what the type takes.
        """
        kind, name = _named(cls, name)
        kept = _places.find(kind.get_block_type_slug(), name)
        return kind.from_kept(kept)  # type: ignore[return-value] # a Block's type is the one that was named

    @classmethod
    def from_kept(cls, kept: _places.Kept) -> Self:
        """The block that something kept stands for.

        Raises:
            BlockError: The fields are not those that the type takes.
        """
        given = kept.fields
        fields = fitted(cls, given) if kept.are_texts else given
        try:
            return cls.model_validate(dict(fields), by_alias=True, by_name=True)  # they are saved by name
        except ValidationError as error:
            raise BlockError(
                f"The {cls.get_block_type_name()} {kept.name!r} in {kept.place} cannot be used: "
                f"{problems(cls, error, given)}."
            ) from None

    def save(self, name: str, overwrite: bool = False) -> None:  # noqa: FBT001, FBT002 - as in Prefect
        """Write the block into `blocks` of `MILLSTREAM_HOME`, in a file that only its owner may read.

        Args:
            name: What to call it.
            overwrite: Replace one of that name.

        Raises:
            BlockError: The name is taken, or cannot be one; or a field has what cannot be kept.
        """
        _places.save(self.get_block_type_slug(), name, revealed(self), overwrite=overwrite)

    @classmethod
    def delete(cls, name: str) -> None:
        """Remove what `save` has written.

        Raises:
            BlockError: There is nothing of that name.
        """
        kind, name = _named(cls, name)
        _places.delete(kind.get_block_type_slug(), name)

    @classmethod
    async def aload(cls, name: str) -> Self:
        """As `load`, without holding up the event loop."""
        return await beside(cls.load, name)

    async def asave(self, name: str, overwrite: bool = False) -> None:  # noqa: FBT001, FBT002 - as in Prefect
        """As `save`, without holding up the event loop."""
        await beside(self.save, name, overwrite, to_its_end=True)

    @classmethod
    async def adelete(cls, name: str) -> None:
        """As `delete`, without holding up the event loop."""
        await beside(cls.delete, name, to_its_end=True)


def _make_known(cls: type[Block]) -> None:
    slug = cls.get_block_type_slug()
    if not _SLUG.fullmatch(slug):
        raise BlockError(
            f"The type of blocks {cls.__name__} cannot have the slug {slug!r}: slugs have small letters and digits, "
            "and - between, at most 100 of them. Its _block_type_slug may have another one."
        )
    other = _types.get(slug)
    if other is not None and _file_of(other) != _file_of(cls):
        raise BlockError(
            f"Two types of blocks have the slug {slug!r}: {other.__module__}.{other.__qualname__} and "
            f"{cls.__module__}.{cls.__qualname__}. Give one of them another _block_type_slug."
        )
    _types[slug] = cls


def _file_of(cls: type[Block]) -> str:
    """Where it was defined: a module may be there twice, as `__main__` and by its name."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__


def block_types() -> dict[str, type[Block]]:
    """All types by their slugs: Millstream's own, and those whose modules were imported."""
    from millstream.blocks import notifications, system, webhook  # noqa: F401, PLC0415 - they make their types known

    return dict(sorted(_types.items()))


def block_type(slug: str) -> type[Block]:
    """The type of that slug, if its module was imported.

    Raises:
        BlockError: There is none.
    """
    types = block_types()
    if slug not in types:
        raise BlockError(
            f"There is no type of blocks {slug!r}: there are {', '.join(types)}. "
            "A type of your own is known when its module was imported."
        )
    return types[slug]


def _named(cls: type[Block], name: str) -> tuple[type[Block], str]:
    if cls is not Block:
        return cls, name
    slug, found, rest = str(name).partition("/")
    if not found:
        raise BlockError(f"Block.load needs the type's slug too, as in Block.load('secret/{name}').")
    return block_type(slug), rest


def _own(cls: type[Block]) -> type[Block]:
    """The class itself, where `Secret[str]` is one that pydantic has made of it."""
    origin: Any = cls.__pydantic_generic_metadata__["origin"]
    return cls if origin is None else origin


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

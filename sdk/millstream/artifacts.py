"""Artifacts: what a run leaves for people to look at, such as a report, a table or how far it has come.

Artifacts with the same key are versions of one thing: the latest is what counts, and the others are its history.

Usage:
    ```python
    from millstream import flow
    from millstream.artifacts import Artifact, create_markdown_artifact


    @flow
    def report(rows: int = 3) -> None:
        create_markdown_artifact(f"# {rows} rows", key="daily-report")


    report()
    latest = Artifact.get("daily-report")
    ```
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from millstream import _surroundings
from millstream._artifact_stores import artifact_store
from millstream._beside import beside
from millstream._engine.current import current
from millstream._run_ids import new_run_id
from millstream.client.schemas.objects import Artifact as Recorded
from millstream.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Table = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]

__all__ = [
    "Artifact",
    "ImageArtifact",
    "LinkArtifact",
    "MarkdownArtifact",
    "ProgressArtifact",
    "TableArtifact",
    "acreate_image_artifact",
    "acreate_link_artifact",
    "acreate_markdown_artifact",
    "acreate_progress_artifact",
    "acreate_table_artifact",
    "aupdate_progress_artifact",
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "update_progress_artifact",
]

_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_KEY = 100


class Artifact:
    """An artifact of any type.

    Args:
        type: What it is, in a word.
        key: What it is a version of: lowercase letters, digits and single dashes.
        description: What it is about, in Markdown.
        data: What JSON can say.

    Raises:
        ValueError: The key is none, or the data cannot be shown.
        TypeError: The data is of another kind.
    """

    _type: ClassVar[str | None] = None

    def __init__(
        self,
        *,
        type: str | None = None,  # noqa: A002 - Prefect's name
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
    ) -> None:
        key = None if key is None else _text("key", key)
        description = None if description is None else _text("description", description)
        kind = type or self._type
        if kind is None:
            raise TypeError('Artifact needs a type, as in Artifact(type="note", data="...").')
        if key is not None and (len(key) > _LONGEST_KEY or not _KEY.fullmatch(key)):
            raise ValueError(
                f"An artifact's key has up to {_LONGEST_KEY} lowercase letters, digits and single dashes between them, "
                f"as in 'daily-report', and got {key!r}."
            )
        self.type = kind
        self.key = key
        self.description = description
        self.data = _plain(data)

    def create(self) -> str:
        """Leave it, as one of the run that this is called in.

        Returns:
            Its id.
        """
        return self._left().id

    def _left(self) -> Recorded:
        run = current.get()
        flow_run = None if run is None else run.flow_run
        now = _moment(_surroundings.current.time())
        recorded = Recorded(
            id=new_run_id(),
            key=self.key,
            type=self.type,
            data=self.data,
            description=self.description,
            flow_run_id=None if flow_run is None else flow_run.id,
            task_run_id=None if run is None or run is flow_run else run.id,
            created=now,
            updated=now,
        )
        artifact_store().put(recorded)
        return recorded

    async def acreate(self) -> str:
        """Leave it, without holding up the event loop."""
        return await beside(self.create)

    def format(self) -> Any:
        """What it shows."""
        return self.data

    @classmethod
    def get(cls, key: str) -> Recorded | None:
        """The latest artifact with this key; None if there is none."""
        return next(iter(artifact_store().versions(key, 1)), None)

    @classmethod
    async def aget(cls, key: str) -> Recorded | None:
        """The latest artifact with this key, without holding up the event loop."""
        return await beside(cls.get, key)

    @classmethod
    def versions(cls, key: str, limit: int | None = None) -> list[Recorded]:
        """All artifacts with this key, the latest first; no more than `limit`."""
        return artifact_store().versions(key, limit)

    @classmethod
    def get_or_create(
        cls, key: str, description: str | None = None, **contents: Any
    ) -> tuple[Recorded, bool]:
        """The latest artifact with this key, or one that is made now.

        Args:
            key: Its key.
            description: What one that is made now is about.
            contents: What else one that is made now is made of, as `markdown=`.

        Returns:
            The artifact, and whether it was made now.
        """
        found = cls.get(key)
        if found is not None:
            return found, False
        return cls(key=key, description=description, **contents)._left(), True  # noqa: SLF001 - one of our own

    @classmethod
    async def aget_or_create(
        cls, key: str, description: str | None = None, **contents: Any
    ) -> tuple[Recorded, bool]:
        """The same without holding up the event loop."""
        return await beside(partial(cls.get_or_create, key, description, **contents))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(type={self.type!r}, key={self.key!r})"


class MarkdownArtifact(Artifact):
    """A text in Markdown."""

    _type = "markdown"

    def __init__(self, *, markdown: str, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=_text("markdown", markdown))


class LinkArtifact(Artifact):
    """A link, shown by a text; by the address itself if there is none."""

    _type = "link"

    def __init__(
        self,
        *,
        link: str,
        link_text: str | None = None,
        key: str | None = None,
        description: str | None = None,
    ) -> None:
        shown = _text("link", link) if link_text is None else _text("link_text", link_text)
        super().__init__(key=key, description=description, data=f"[{shown}]({_text('link', link)})")


class TableArtifact(Artifact):
    """A table: a list of rows, which are dictionaries or lists, or a dictionary of columns."""

    _type = "table"

    def __init__(self, *, table: Table, key: str | None = None, description: str | None = None) -> None:
        if not isinstance(table, dict | list | tuple):
            hint = ' Write df.to_dict("records").' if hasattr(table, "to_dict") else ""
            raise TypeError(
                f"A table artifact takes a list of rows or a dictionary of columns, and got {type(table).__name__}.{hint}"
            )
        super().__init__(key=key, description=description, data=table)


class ProgressArtifact(Artifact):
    """How far something has come, in percent."""

    _type = "progress"

    def __init__(self, *, progress: float, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=_percent(progress))


class ImageArtifact(Artifact):
    """An image that is somewhere else."""

    _type = "image"

    def __init__(self, *, image_url: str, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=_text("image_url", image_url))


def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> str:
    """Leave a text in Markdown; returns the artifact's id."""
    return MarkdownArtifact(markdown=markdown, key=key, description=description).create()


def create_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> str:
    """Leave a link; returns the artifact's id."""
    return LinkArtifact(link=link, link_text=link_text, key=key, description=description).create()


def create_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> str:
    """Leave a table; returns the artifact's id."""
    return TableArtifact(table=table, key=key, description=description).create()


def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> str:
    """Show how far something has come, in percent; returns the artifact's id, for `update_progress_artifact`."""
    return ProgressArtifact(progress=progress, key=key, description=description).create()


def update_progress_artifact(artifact_id: str, progress: float, description: str | None = None) -> str:
    """Show how far it has come by now; returns the same id.

    Raises:
        ObjectNotFound: There is no such artifact.
        ValueError: It is no percentage, or the artifact shows no progress.
    """
    store = artifact_store()
    found = store.get(str(artifact_id))
    if found is None:
        raise ObjectNotFound(f"There is no artifact {artifact_id}.")
    if found.type != "progress":
        raise ValueError(f"Artifact {artifact_id} shows no progress: its type is {found.type!r}.")
    now = _moment(_surroundings.current.time())
    told = found.description if description is None else description
    store.put(replace(found, data=_percent(progress), description=told, updated=now))
    return found.id


def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> str:
    """Leave an image that is somewhere else; returns the artifact's id."""
    return ImageArtifact(image_url=image_url, key=key, description=description).create()


async def acreate_markdown_artifact(
    markdown: str, key: str | None = None, description: str | None = None
) -> str:
    """The same as `create_markdown_artifact`, without holding up the event loop."""
    return await beside(create_markdown_artifact, markdown, key, description)


async def acreate_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> str:
    """The same as `create_link_artifact`, without holding up the event loop."""
    return await beside(create_link_artifact, link, link_text, key, description)


async def acreate_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> str:
    """The same as `create_table_artifact`, without holding up the event loop."""
    return await beside(create_table_artifact, table, key, description)


async def acreate_progress_artifact(
    progress: float, key: str | None = None, description: str | None = None
) -> str:
    """The same as `create_progress_artifact`, without holding up the event loop."""
    return await beside(create_progress_artifact, progress, key, description)


async def aupdate_progress_artifact(artifact_id: str, progress: float, description: str | None = None) -> str:
    """The same as `update_progress_artifact`, without holding up the event loop."""
    return await beside(update_progress_artifact, artifact_id, progress, description)


async def acreate_image_artifact(
    image_url: str, key: str | None = None, description: str | None = None
) -> str:
    """The same as `create_image_artifact`, without holding up the event loop."""
    return await beside(create_image_artifact, image_url, key, description)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text, and got {value!r}.")
    return value


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"progress is a number of percent, and got {value!r}.")
    if not 0 <= value <= 100:  # noqa: PLR2004
        raise ValueError(f"progress is a number from 0 to 100, and got {value!r}.")
    return float(value)


def _plain(data: Any) -> Any:
    """What JSON makes of it, which has no NaN: numbers that are none are missing, as cells of a table are."""

    def finite(value: Any) -> Any:
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, dict):
            return {str(key): finite(item) for key, item in value.items()}
        return [finite(item) for item in value] if isinstance(value, list | tuple) else value

    return json.loads(json.dumps(finite(data), default=_shown))


def _shown(value: Any) -> Any:
    """Dates and numbers of other libraries, as their texts and values."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    return str(value)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

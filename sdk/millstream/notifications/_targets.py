"""Whom a notification goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream._block_names import canonical
from millstream.exceptions import BlockError, NotificationError

if TYPE_CHECKING:
    from millstream.blocks.abstract import NotificationBlock
    from millstream.blocks.core import Block


def check_target(target: object) -> None:
    """See that something can be a target, as far as that can be said without looking for blocks.

    Raises:
        BlockError: It cannot be one.
        TypeError: It is something else.
    """
    if isinstance(target, str):
        if "://" in target:
            _check_url(target)
        else:
            canonical(target.partition("/")[2] if "/" in target else target)
        return
    from millstream.blocks.abstract import NotificationBlock  # noqa: PLC0415 - as above

    if not isinstance(target, NotificationBlock):
        raise TypeError(
            "notify takes the name of a block, a block that notifies, or an Apprise URL, and got "
            f"{type(target).__name__}."
        )


def _check_url(url: str) -> None:
    from millstream.blocks._apprise import service_of  # noqa: PLC0415 - slow to import

    try:
        service_of(url)
    except NotificationError as error:
        from millstream._secrets import mask  # noqa: PLC0415

        raise BlockError(f"notify cannot send to that: {mask(str(error), also=url)}") from None


def block_of(target: str | NotificationBlock) -> NotificationBlock:
    """The block that a target stands for.

    Raises:
        BlockError: There is none, there are several, or it does not notify.
    """
    if not isinstance(target, str):
        return target
    from millstream.blocks import _places  # noqa: PLC0415 - slow to import
    from millstream.blocks.core import Block, block_type  # noqa: PLC0415
    from millstream.blocks.notifications import AppriseNotificationBlock  # noqa: PLC0415

    if "://" in target:
        return AppriseNotificationBlock(url=target)  # type: ignore[arg-type] # pydantic makes it secret
    if "/" in target:
        return _notifying(Block.load(target), target)
    found: dict[str, _places.Kept] = {}
    for kept in _places.named(target):
        if kept.slug is None:
            raise BlockError(
                f"Nothing says of which type the block {target!r} in {kept.place} is: add a key block-type with the "
                f"type's slug, or write it before the name, as in notify('slack-webhook/{target}')."
            )
        found.setdefault(kept.slug, kept)
    types = {slug: block_type(slug) for slug in found}
    notifying = {slug: kind for slug, kind in types.items() if _notifies(kind)}
    if len(notifying) > 1:
        choices = " or ".join(f"notify('{slug}/{target}')" for slug in notifying)
        raise BlockError(f"Several blocks are called {target!r}: write {choices}.")
    if not types:
        raise _places.unknown(target, None)
    for slug, kind in (notifying or types).items():
        return _notifying(kind.from_kept(found[slug]), target)
    raise AssertionError


def _notifies(kind: type[Block]) -> bool:
    from millstream.blocks.abstract import NotificationBlock  # noqa: PLC0415 - as above

    return issubclass(kind, NotificationBlock)


def _notifying(block: Block, name: str) -> NotificationBlock:
    from millstream.blocks.abstract import NotificationBlock  # noqa: PLC0415 - as above

    if not isinstance(block, NotificationBlock):
        raise BlockError(
            f"The block {name!r} is a {block.get_block_type_name()}, which sends no notifications."
        )
    return block


def shown(target: str | NotificationBlock) -> str:
    """A target as it may be told: of a URL only the scheme."""
    if not isinstance(target, str):
        return type(target).__name__
    return f"'{target.partition('://')[0]}://...'" if "://" in target else repr(target)

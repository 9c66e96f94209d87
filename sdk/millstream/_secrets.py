"""Values that are secret, as far as this process has seen them: what is told to others is without them."""

from __future__ import annotations

import re
from typing import Any

MASK = "********"
_SHORTEST = 4
"""Shorter values would blank out half of a text."""
_TOKEN = re.compile(r"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{20,}")
_known: tuple[str, ...] = ()


def remember(value: Any) -> None:
    """Have a secret masked from now on: a text, or all texts and numbers in a list or a mapping."""
    global _known  # noqa: PLW0603 - they are the process's
    if new := _forms_of(value) - set(_known):
        _known = _longest_first({*_known, *new})


def mask(text: str, also: Any = None) -> str:
    """The text without any secret.

    Args:
        text: What is to be told.
        also: What is secret in this text only.
    """
    for secret in _known if also is None else _longest_first({*_known, *_forms_of(also)}):
        text = text.replace(secret, MASK)
    return text


def _longest_first(secrets: set[str]) -> tuple[str, ...]:
    """So that no secret is spoilt by another one which it contains."""
    return tuple(sorted(secrets, key=len, reverse=True))


def _forms_of(value: Any) -> set[str]:
    return {form for text in _texts(value) for form in _forms(text)}


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for item in value.values() for text in _texts(item)}
    if isinstance(value, list | tuple | set | frozenset):
        return {text for item in value for text in _texts(item)}
    if isinstance(value, bytes):
        return {value.decode(errors="replace")}
    return set() if value is None or isinstance(value, bool) else {str(value)}


def _forms(text: str) -> set[str]:
    """As it may be printed; a value of several lines, a private key for instance, counts line by line as well."""
    from json import dumps  # noqa: PLC0415 - slow to import, and few programs have secrets
    from urllib.parse import quote  # noqa: PLC0415

    parts = {part.strip() for part in (text, *text.splitlines(), *_parts_of_url(text.strip()))}
    forms = {
        form for part in parts for form in (part, quote(part, safe=""), repr(part)[1:-1], dumps(part)[1:-1])
    }
    return {form for form in forms if len(form) >= _SHORTEST}


def _parts_of_url(text: str) -> set[str]:
    """Of a URL the password, and what looks like a token: errors show them without the rest."""
    if "://" not in text:
        return set()
    from urllib.parse import urlsplit  # noqa: PLC0415 - as above

    try:
        url = urlsplit(text)
    except ValueError:  # it only looked like one
        return set()
    path = f"{url.path}?{url.query}" if url.query else url.path
    parts = {path, *re.split(r"[/?&=]", path)}
    return {part for part in parts if _TOKEN.search(part)} | {url.password or ""}

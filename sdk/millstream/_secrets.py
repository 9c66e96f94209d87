"""Values that are secret, as far as this process has seen them: what is told to others is without them."""

from __future__ import annotations

import os
import re
import threading
from typing import Any

MASK = "********"
_SHORTEST = 4
"""Shorter values would blank out half of a text."""
_SHORT = 8
"""Values shorter than this count where they are words of their own only: they may be parts of others."""
_FEWEST_DIGITS = 6
"""Numbers with fewer digits are ports and years."""
_MOST_FORMS = 20_000
_TOKEN = re.compile(r"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{20,}")
_BEFORE = r"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
_AFTER = r"(?![^\W_])"


class Known:
    """What is to be masked: the latest that were seen, so that secrets which change cost no more and more.

    Args:
        most: How many forms there may be.
    """

    def __init__(self, most: int = _MOST_FORMS) -> None:
        self._most = most
        self._adding = threading.Lock()
        self._latest_last: dict[str, None] = {}
        # Each value is replaced, never changed, so that those who read need no lock, a signal's handler for instance.
        self._by_start: dict[str, tuple[str, ...]] = {}

    def add(self, forms: set[str]) -> None:
        """Take note of forms; beyond the bound the oldest are forgotten."""
        with self._adding:
            for form in forms:
                if form not in self._latest_last:
                    start = form[:_SHORTEST]
                    self._by_start[start] = (*self._by_start.get(start, ()), form)
                self._latest_last.pop(form, None)
                self._latest_last[form] = None
            while len(self._latest_last) > self._most:
                self._forget(next(iter(self._latest_last)))

    def _forget(self, form: str) -> None:
        del self._latest_last[form]
        start = form[:_SHORTEST]
        if left := tuple(other for other in self._by_start[start] if other != form):
            self._by_start[start] = left
        else:
            del self._by_start[start]

    def may_be_in(self, text: str) -> set[str]:
        """The forms whose first characters a text has, which are few of many."""
        if not self._by_start:
            return set()
        starts = {text[at : at + _SHORTEST] for at in range(len(text) - _SHORTEST + 1)}
        return {form for start in starts for form in self._by_start.get(start, ())}

    def begin_anew_in_a_copy(self) -> None:
        """In a copy of the process, where a lock that was held is never let go."""
        self._adding = threading.Lock()


_known = Known()


def remember(value: Any) -> None:
    """Have a secret masked from now on: a text, or all texts and long numbers in a list or a mapping."""
    _known.add(_forms_of(value))


def mask(text: str, also: Any = None) -> str:
    """The text without any secret.

    Args:
        text: What is to be told.
        also: What is secret in this text only.
    """
    forms = _known.may_be_in(text) | (set() if also is None else _forms_of(also))
    for form in sorted(
        forms, key=len, reverse=True
    ):  # so that none is spoilt by another one which it contains
        if len(form) >= _SHORT:
            text = text.replace(form, MASK)
        else:
            text = re.sub(f"{_BEFORE}{re.escape(form)}{_AFTER}", MASK, text)
    return text


def _forms_of(value: Any) -> set[str]:
    return {form for text in _texts(value) for form in _forms(text)}


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for item in value.values() for text in _texts(item)}
    if isinstance(value, list | tuple | set | frozenset):
        return {text for item in value for text in _texts(item)}
    if isinstance(value, bytes):
        return {value.decode(errors="replace"), repr(value)[2:-1]}
    if isinstance(value, int | float):
        digits = sum(character.isdigit() for character in str(value))
        return {str(value)} if digits >= _FEWEST_DIGITS else set()
    return set() if value is None else {str(value), *_texts_in_json(str(value))}


def _texts_in_json(text: str) -> set[str]:
    """What a text has if it is a JSON list or object, as many secrets are kept."""
    if text.lstrip()[:1] not in {"{", "["}:
        return set()
    from json import loads  # noqa: PLC0415 - slow to import, and few programs have secrets

    try:
        return _texts(loads(text))
    except (ValueError, RecursionError):  # it only looked like one
        return set()


def _forms(text: str) -> set[str]:
    """As it may be printed; a value of several lines, a private key for instance, counts line by line as well."""
    from json import dumps  # noqa: PLC0415 - as above
    from urllib.parse import quote  # noqa: PLC0415

    parts = {part.strip() for part in (text, *text.splitlines(), *_parts_of_url(text.strip()))}
    forms = {
        form for part in parts for form in (part, quote(part, safe=""), repr(part)[1:-1], dumps(part)[1:-1])
    }
    return {form for form in forms if len(form) >= _SHORTEST}


def _parts_of_url(text: str) -> set[str]:
    """Of a URL the password, and what looks like a token, also as they are meant: errors show them without the rest."""
    if "://" not in text:
        return set()
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - as above

    try:
        url = urlsplit(text)
    except ValueError:  # it only looked like one
        return set()
    path = f"{url.path}?{url.query}" if url.query else url.path
    parts = {url.username or "", *re.split(r"[/?&=]", path)}
    secret = {part for part in parts if _looks_secret(part)} | {url.password or ""}
    if _TOKEN.search(path) or len(url.path.strip("/").split("/")) > 1:
        secret.add(path)  # as those say it that know the host from elsewhere
    return secret | {unquote(part) for part in secret}


def _looks_secret(part: str) -> bool:
    return bool(_TOKEN.search(part)) or (len(part) >= _SHORT and part.isalnum() and not part.islower())


os.register_at_fork(after_in_child=_known.begin_anew_in_a_copy)

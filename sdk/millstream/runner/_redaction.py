"""Output made fit to be stored: no secrets of the environment, no terminal control, text only."""

import re
from collections.abc import Iterable, Mapping

__all__ = ["plain_text", "redact", "secrets_of"]

_SECRET_NAME = re.compile(
    r"token|passw|passphrase|_pwd|secret|key|credential|auth(?!or)|private|dsn|conn(ection)?_?str",
    re.IGNORECASE,
)
_PATH_NAME = re.compile(r"_(FILE|PATH|DIR|SOCK)$|^GOOGLE_APPLICATION_CREDENTIALS$", re.IGNORECASE)
"""Where a secret lies is no secret, and stands in the message when it is missing."""
_SHORTEST_SECRET = 6
"""Shorter values, `true` or `1`, would blank out half of a log."""
_REDACTED = "[redacted]"
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+@")
_TOKEN_IN_URL = re.compile(r"(https?://)[^\s:/@]+@", re.IGNORECASE)
"""Who is named without a password on the web is not a user but a token."""
_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n|$)")


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """List what must not be stored: values of variables with a name like `API_TOKEN`, as they may be printed.

    A value of several lines, a private key for instance, counts line by line as well.
    """
    from json import dumps  # noqa: PLC0415  only attempts that did not complete pay for these
    from urllib.parse import quote  # noqa: PLC0415

    values = [value for name, value in environment.items() if _is_secret(name)]
    parts = {part.strip() for value in values for part in (value, *value.splitlines())}
    forms = {
        form for part in parts for form in (part, quote(part, safe=""), repr(part)[1:-1], dumps(part)[1:-1])
    }
    # Longest first, so that no secret is spoilt by another one which it contains.
    return sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Blank out `secrets`, which come longest first, and the passwords and tokens of URLs."""
    for secret in secrets:
        text = text.replace(secret, _REDACTED)
    return _TOKEN_IN_URL.sub(rf"\1{_REDACTED}@", _PASSWORD_IN_URL.sub(rf"\1:{_REDACTED}@", text))


def plain_text(output: bytes) -> str:
    """Decode what a terminal would show in the end: no colours, and of a progress bar only its last state."""
    text = _TERMINAL_SEQUENCE.sub("", output.decode("utf-8", "replace"))
    return _CONTROL.sub("", _OVERWRITTEN.sub("", text))


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PATH_NAME.search(name)

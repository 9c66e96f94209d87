"""Where a URL leads: for blocks that may not reach into private networks."""

from __future__ import annotations

import ipaddress
import re
import socket

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from millstream.exceptions import NotificationError


def must_be_public(url: str) -> None:
    """See that a URL leads out of private networks, now.

    Raises:
        NotificationError: It does not, leads nowhere, or is none of HTTP.
    """
    parts = _parsed(url)
    if parts.scheme not in {"http", "https"}:
        raise NotificationError("its URL is neither http nor https, and allow_private_urls is false.")
    host = (parts.host or "").strip("[]")
    try:
        found = socket.getaddrinfo(host, None) if host else []
    except OSError:
        found = []
    addresses = {ipaddress.ip_address(entry[4][0]) for entry in found}
    if not addresses:
        raise NotificationError("its URL has no host that can be found.")
    if not all(address.is_global for address in addresses):
        raise NotificationError("its URL leads to a private address, and allow_private_urls is false.")


def _parsed(url: str) -> Url:
    """As what sends the request parses it; what others might take for another host is refused."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise NotificationError("its URL is none.") from None
    if parts.auth is not None or re.search(r"[\\\s\x00-\x1f]", url):
        raise NotificationError(
            "its URL may have no user, backslashes or blanks, since allow_private_urls is false."
        )
    return parts

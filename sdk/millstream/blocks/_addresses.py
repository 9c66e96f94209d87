"""Where a URL leads: for blocks that may not reach into private networks."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from millstream.exceptions import NotificationError


def must_be_public(url: str) -> None:
    """See that a URL leads out of private networks, now.

    Raises:
        NotificationError: It does not, leads nowhere, or is none of HTTP.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"}:
        raise NotificationError("its URL is neither http nor https, and allow_private_urls is false.")
    try:
        found = socket.getaddrinfo(host, None) if host else []
    except OSError:
        found = []
    addresses = {ipaddress.ip_address(entry[4][0]) for entry in found}
    if not addresses:
        raise NotificationError("its URL has no host that can be found.")
    if not all(address.is_global for address in addresses):
        raise NotificationError("its URL leads to a private address, and allow_private_urls is false.")

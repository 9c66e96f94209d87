"""Requests whose failures tell nothing of the URL, which may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.blocks._addresses import must_be_public
from millstream.exceptions import NotificationError

if TYPE_CHECKING:
    from requests import Response

SECONDS = 10.0


def request(method: str, url: str, *, private: bool, timeout: float = SECONDS, **content: Any) -> Response:
    """Send a request and give what was answered, whatever it is.

    Args:
        method: Its method.
        url: Where to.
        private: Whether that may be in a private network.
        timeout: Seconds until somebody has to have answered, and between any two parts of the answer.
        content: As `requests.request` takes it.

    Raises:
        NotificationError: Nobody answered.
    """
    import requests  # noqa: PLC0415 - slow to import

    from millstream.blocks._quiet import quiet  # noqa: PLC0415 - with it

    if not private:
        must_be_public(url)
    try:
        with quiet():
            return requests.request(method, url, timeout=timeout, allow_redirects=private, **content)
    except requests.Timeout:
        raise NotificationError(f"nobody answered within {timeout:g} s.") from None
    except requests.ConnectionError:
        raise NotificationError("nobody can be reached at its URL.") from None
    except (requests.RequestException, ValueError) as error:
        raise NotificationError(f"its request cannot be sent ({type(error).__name__}).") from None

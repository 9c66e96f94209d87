"""A webhook to call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, Secret, SecretStr

from millstream.blocks.core import Block

if TYPE_CHECKING:
    from requests import Response

__all__ = ["Webhook"]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
SecretDict = Secret[dict[str, Any]]


class Webhook(Block):
    """A URL to call.

    Attributes:
        method: How to call it.
        url: Where it is.
        headers: What to send with each call.
        allow_private_urls: Whether it may be in a private network.
        verify: Whether its certificate has to be valid.
    """

    _block_type_name = "Webhook"

    method: Method = "POST"
    url: SecretStr
    headers: SecretDict = Field(default_factory=lambda: SecretDict({}))
    allow_private_urls: bool = True
    verify: bool = True

    async def call(self, payload: dict[str, Any] | str | None = None) -> Response:
        """Call it, and give the answer, as `requests` has it.

        Args:
            payload: What to send: a text, or what becomes JSON.

        Raises:
            NotificationError: Nobody answered.
        """
        from millstream._beside import beside  # noqa: PLC0415 - with what is slow

        return await beside(self._call, payload)

    def _call(self, payload: dict[str, Any] | str | None) -> Response:
        from millstream.blocks._http import request  # noqa: PLC0415 - slow to import

        return request(
            self.method,
            self.url.get_secret_value(),
            private=self.allow_private_urls,
            headers=self.headers.get_secret_value(),
            verify=self.verify,
            **({"data": payload.encode()} if isinstance(payload, str) else {"json": payload}),
        )

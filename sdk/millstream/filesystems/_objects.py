"""A storage in a bucket."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from millstream.filesystems._keys import path_of
from millstream.filesystems._object_lock import ObjectLock
from millstream.filesystems._storage import Lock, Storage, wait_for_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import ObjectStore

_SCHEMES = {"s3", "gs", "az"}
_OWNERS = {
    "s3": (
        "endpoint",
        ("endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url", "aws_endpoint_url_s3"),
    ),
    "az": ("account", ("account_name", "azure_storage_account_name")),
}
"""Options and environment variables that say whose bucket a URL means: Google's names are unique, and so are AWS's own."""


class ObjectStorage(Storage):
    """Keeps every key in an object of a bucket of S3, Google Cloud Storage or Azure, or what speaks like one of them.

    The bucket must know conditional writes, for the locks. A lock leaves a small object in `.locks/` for good, since
    buckets cannot remove an object on the condition that it is still the same.

    Args:
        url: `s3://bucket/folder`, and the same with `gs` or `az`. Credentials do not belong here.
        lock_lease: Seconds after which the lock of a holder that died is free. The clocks of the hosts may differ by
            half of it.
        options: What `obstore.store.from_url` takes, such as `endpoint`, `region`, `access_key_id`,
            `client_options`. What is missing comes from environment variables such as `AWS_ENDPOINT_URL`, and from
            the identity of the pod.
    """

    def __init__(self, url: str, *, lock_lease: float = 30.0, **options: Any) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise ValueError("An ObjectStorage needs a URL such as s3://bucket/folder, gs://... or az://...")
        if "@" in url or parts.query or parts.fragment:
            raise ValueError(
                f"The URL of a bucket takes no credentials and no query: give {parts.scheme}://bucket/folder, and "
                "the rest as options of ObjectStorage or as environment variables.",
            )
        self._url = url
        self._lock_lease = lock_lease
        self._options = options

    @property
    def address(self) -> str:
        """The bucket's URL, with the server or account whose bucket it is where the URL alone does not say."""
        what, names = _OWNERS.get(urlsplit(self._url).scheme, ("", ()))
        of_environment = {
            name.lower(): os.environ[name] for name in os.environ if name.startswith(("AWS_", "AZURE_"))
        }
        given = of_environment | {name.lower(): value for name, value in self._options.items()}
        owner = next((str(given[name]) for name in names if given.get(name)), None)
        return self._url if owner is None else f"{self._url}?{what}={_without_credentials(owner)}"

    def read(self, key: str) -> bytes:
        """What was written last."""
        try:
            return self._store.get(path_of(key)).bytes().to_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def write(self, key: str, data: bytes) -> None:
        """Put this in place of what is there, at once."""
        # One request: the parts of an upload in several would stay, and cost money, if this process died.
        self._store.put(path_of(key), data, use_multipart=False)

    def exists(self, key: str) -> bool:
        """Whether there is something to read."""
        try:
            self._store.head(path_of(key))
        except FileNotFoundError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove what is there, if anything is."""
        with suppress(FileNotFoundError):  # as Google's and Azure's say, and S3's do not
            self._store.delete(path_of(key))

    def acquire(self, key: str, timeout: float | None = None) -> Lock:
        """Take a lock, which excludes all that use the same bucket and folder."""
        lock = ObjectLock(self._store, f".locks/{path_of(key)}", self._lock_lease)
        return wait_for_lock(lock.attempt, key, timeout)

    @cached_property
    def _store(self) -> ObjectStore:
        try:
            from obstore.store import from_url  # noqa: PLC0415 - an extra
        except ImportError:
            raise ImportError(
                f"{self!r} needs the library obstore: pip install 'millstream[object-storage]'",
            ) from None
        return from_url(self._url, **self._options)

    def __reduce__(self) -> tuple[Callable[[], ObjectStorage], tuple[()]]:
        return partial(type(self), self._url, lock_lease=self._lock_lease, **self._options), ()

    def __repr__(self) -> str:
        return f"ObjectStorage({self._url!r})"


def _without_credentials(server: str) -> str:
    scheme, mark, rest = server.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"

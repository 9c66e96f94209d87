"""Certificates and keys of a kubeconfig: in memory, and in files for the moment only that it takes to read them."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from ssl import SSLError
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client import Configuration

__all__ = ["SSLError", "folder_for_keys", "tls_context"]

_one_folder: Final = Lock()
"""The kubernetes package knows one file of each key, wherever it is: no other thread may use and remove it meanwhile."""


@contextmanager
def folder_for_keys() -> Iterator[str]:
    """A folder of the user's own, in which the kubernetes package puts the keys of a kubeconfig; removed at the end.

    Without it they are in /tmp for as long as the process lives, and remain there if it is killed.
    """
    with _one_folder, TemporaryDirectory(prefix="millstream-") as folder:
        yield folder


def tls_context(configuration: Configuration) -> ssl.SSLContext | None:
    """What connections need of a kubeconfig's files, which may be removed then; None if there is no TLS.

    Raises:
        ssl.SSLError: A certificate or a key is none.
    """
    if not configuration.host.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    configuration.ssl_ca_cert = configuration.cert_file = configuration.key_file = None
    return context

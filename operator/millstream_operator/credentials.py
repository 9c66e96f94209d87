"""Access to the API server: found by the `kubernetes` package, used through aiohttp."""

import os
import ssl
import time
from collections.abc import Awaitable, Callable
from tempfile import TemporaryDirectory

import aiohttp
from kubernetes import client, config

__all__ = ["Credentials", "NoClusterError"]

_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
_CONNECTIONS = 64
_ASK_SECONDS = 10.0


class NoClusterError(RuntimeError):
    """No cluster is configured."""


class Credentials:
    """Where the API server is, and how to prove who we are."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._configuration = configuration
        self._tls = _tls(configuration)
        self.server: str = configuration.host
        self._authorization: str | None = None
        self._ask_at = 0.0

    @classmethod
    def load(cls) -> "Credentials":
        """Find them: in KUBECONFIG; without it in a pod its service account, elsewhere ~/.kube/config.

        Raises:
            NoClusterError: there are none.
        """
        configuration = client.Configuration()
        given = os.environ.get("KUBECONFIG")
        try:
            if not given and "KUBERNETES_SERVICE_HOST" in os.environ:
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
                return cls(configuration)
            # Keys of a kubeconfig are put into files, which would be in /tmp for good if this process were killed.
            with TemporaryDirectory(prefix="millstream-") as folder:
                config.load_kube_config(  # type: ignore[no-untyped-call]
                    given, client_configuration=configuration, temp_file_path=folder
                )
                return cls(configuration)
        except config.ConfigException as error:
            raise NoClusterError(
                f"no cluster is configured: {error}. Set KUBECONFIG, or run in a pod with a service account."
            ) from None

    def session(self, *, limited: bool = True, seconds: float | None = None) -> aiohttp.ClientSession:
        """Open an HTTP session; it must be closed.

        Args:
            limited: bound the time of a request and the number of connections. Watches must not have that: they
                last, and there may be some for each namespace.
            seconds: the bound of a request, if not the usual one.
        """
        timeout = aiohttp.ClientTimeout(total=seconds) if seconds else _TIMEOUT
        return aiohttp.ClientSession(
            base_url=self.server,
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS if limited else 0, ssl=self._tls),
            timeout=timeout if limited else aiohttp.ClientTimeout(total=None, connect=5),
            middlewares=(self._authorize,),
        )

    async def _authorize(
        self,
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        if authorization := self._token():
            request.headers["Authorization"] = authorization
        return await handler(request)

    def _token(self) -> str | None:
        """Give what proves who we are, asked for again and again: a mounted token is renewed every hour."""
        now = time.monotonic()
        if now >= self._ask_at:
            # It sets its whole configuration anew, which takes a third of the CPU time of a request.
            self._authorization = self._configuration.get_api_key_with_prefix(
                "BearerToken", alias="authorization"
            )
            self._ask_at = now + _ASK_SECONDS
        return self._authorization


def _tls(configuration: client.Configuration) -> ssl.SSLContext | bool:
    if not configuration.host.startswith("https:"):
        return False
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context

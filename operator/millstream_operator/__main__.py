"""Starts the operator: `python -m millstream_operator`."""

import asyncio
import signal
import sys

from millstream_operator import logs
from millstream_operator.application import OperatorFailedError, run
from millstream_operator.credentials import Credentials, NoClusterError
from millstream_operator.settings import Settings

_JSON_LEVELS = 25_000
"""The API server takes JSON of 10,000 levels, which has to be read before it can be refused."""


def main() -> None:
    """Run the operator until it is told to stop."""
    settings = Settings.read(sys.argv[1:])
    sys.setrecursionlimit(_JSON_LEVELS)
    logs.configure(settings.log_level, settings.log_format)
    try:
        credentials = Credentials.load()
    except NoClusterError as error:
        sys.exit(f"millstream_operator: {error}")
    try:
        asyncio.run(_run(settings, credentials))
    except OperatorFailedError:
        sys.exit(1)  # it has been logged
    except OSError as error:
        sys.exit(f"millstream_operator: {error.strerror or error}")


async def _run(settings: Settings, credentials: Credentials) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # kopf puts its own in place of it, but not before the cluster has been listed, which can take long.
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, credentials, stop)


if __name__ == "__main__":
    main()

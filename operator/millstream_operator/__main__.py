"""Starts the operator: `python -m millstream_operator`."""

import asyncio
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
        asyncio.run(run(settings, credentials, asyncio.Event()))
    except OperatorFailedError:
        sys.exit(1)  # it has been logged
    except OSError as error:
        sys.exit(f"millstream_operator: {error.strerror or error}")


if __name__ == "__main__":
    main()

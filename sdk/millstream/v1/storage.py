"""Where Prefect 1 looks for the code of flows: nothing of it is needed here, and whoever imports from it is told."""

from typing import NoReturn

from millstream.v1._missing import missing


def __getattr__(name: str) -> NoReturn:
    raise missing("millstream.v1", "storage") if name[0] != "_" else AttributeError(name)

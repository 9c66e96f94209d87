"""Blocks of a run: Secrets that its flow loads by name."""

from typing import Annotated

from pydantic import Field

from millstream.resources.model import ObjectName

__all__ = ["FOLDER", "VARIABLE", "Blocks"]

FOLDER = "/var/lib/millstream/blocks"
"""In the flow's container: each block is a folder of its name there, with a file for each key.

Not below /var/run, in most images a link to /run: nothing can be mounted below the run document, which is read-only.
"""
VARIABLE = "MILLSTREAM_BLOCKS_FOLDER"
"""Environment variable that tells the flow."""

Blocks = Annotated[
    list[ObjectName], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "set"})
]
"""Names of Secrets of the same namespace."""

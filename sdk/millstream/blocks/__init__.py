"""Blocks: configuration with a type and a name, kept outside of the program and with its secrets.

Usage:
    ```python
    from millstream.blocks import Block, Secret
    from pydantic import SecretStr


    class Warehouse(Block):
        host: str
        password: SecretStr


    Warehouse(host="db", password="...").save("nightly")
    Warehouse.load("nightly").password.get_secret_value()
    Secret.load("api-key").get()
    ```
"""

from millstream.blocks.core import Block
from millstream.blocks.system import Secret
from millstream.exceptions import BlockError

__all__ = ["Block", "BlockError", "Secret"]

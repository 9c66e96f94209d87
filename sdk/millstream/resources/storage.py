"""Where results and artifacts of runs go."""

import re
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from millstream.resources.model import Model, ObjectName, matches, validations

__all__ = ["FOLDER", "VARIABLE", "Storage"]

FOLDER = "/var/lib/millstream/storage"
"""Where a claim is mounted in the flow's container."""
VARIABLE = "MILLSTREAM_STORAGE"
"""Environment variable that tells the flow where its storage is."""

_URL = r'^((s3|gs|az)://[!"$-.0->A-~][!"$->A-~]*|file://(localhost)?/[!"$->A-~]*)$'
"""In printable ASCII but for `@`, `?` and `#`: of other classes, engines have ideas of their own."""
_NO_URL = "give s3://bucket/folder, gs://..., az://... or file:///folder, without credentials and query"
_ONE_PLACE = "give exactly one of url and persistentVolumeClaim"
_NO_SECRET = "secretName goes with url"  # noqa: S105 - it is none


class Storage(Model):
    """A bucket, or a volume."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            ("has(self.url) != has(self.persistentVolumeClaim)", _ONE_PLACE),
            ("!has(self.secretName) || has(self.url)", _NO_SECRET),
        )
    )

    url: str | None = Field(
        default=None,
        max_length=1024,
        description="s3://bucket/folder, and the same with gs or az; or file:///folder of a mounted volume.",
        json_schema_extra=matches(_URL, _NO_URL),
    )
    secret_name: ObjectName | None = Field(
        default=None, description="Secret whose keys become environment variables: credentials for url."
    )
    persistent_volume_claim: ObjectName | None = Field(
        default=None, description=f"Name of a claim, which is mounted at {FOLDER}."
    )

    # Not only rules in the CRD: millstream-defaults have none.
    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.url is None) == (self.persistent_volume_claim is None):
            raise ValueError(_ONE_PLACE)
        if self.url is not None and not re.fullmatch(_URL, self.url):
            raise ValueError(_NO_URL)
        if self.secret_name is not None and self.url is None:
            raise ValueError(_NO_SECRET)
        return self

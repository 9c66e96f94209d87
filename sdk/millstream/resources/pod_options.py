"""What a deployment may say about its pods: a curated list, not a whole pod template.

Nothing here reaches the host or another namespace; command, token and labels of a run pod stay the operator's.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from millstream.resources import blocks, storage
from millstream.resources.model import FreeForm, Model, ObjectName, Quantity, validation, validations

__all__ = ["RESERVED_PREFIXES", "PodOptions"]

RESERVED_PREFIXES = (
    "millstream.dev/",
    "batch.kubernetes.io/",
    "kueue.x-k8s.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
)
"""Of labels and annotations that others act on: with them a pod could be made less restricted, or another's."""

_Key = Annotated[str, Field(min_length=1, max_length=253)]
_Value = Annotated[str, Field(max_length=32768)]
_VolumeName = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
_Labels = Annotated[dict[_Key, Annotated[str, Field(max_length=63)]], Field(max_length=64)]
_OWN_FOLDERS = ("/run/millstream", "/var/run/millstream", "/var/lib/millstream")
_OWN_VARIABLES = validation(
    f"!self.exists(variable, variable.name in ['{blocks.VARIABLE}', '{storage.VARIABLE}'])",
    f"{blocks.VARIABLE} and {storage.VARIABLE} are the operator's; give spec.blocks and spec.storage",
)
_UNRESERVED = validation(
    "self.all(key, {})".format(" && ".join(f"!key.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES)),
    f"names that begin with {', '.join(RESERVED_PREFIXES[:-1])} or {RESERVED_PREFIXES[-1]} are reserved",
)


class ResourceRequirements(Model):
    """Compute resources of the flow's container."""

    requests: dict[str, Quantity] = Field(default_factory=dict, description="What the scheduler reserves.")
    limits: dict[str, Quantity] = Field(
        default_factory=dict, description="What the container may not exceed."
    )


class KeySelector(Model):
    """One key of a ConfigMap or Secret."""

    name: ObjectName = Field(description="Name of the ConfigMap or Secret.")
    key: _Key = Field(description="The key in it.")
    optional: bool | None = Field(default=None, description="Whether it may be missing.")


class EnvVarSource(Model):
    """Where an environment variable's value comes from; one of the two."""

    model_config = ConfigDict(
        json_schema_extra=validation(
            "has(self.secretKeyRef) != has(self.configMapKeyRef)",
            "give exactly one of secretKeyRef and configMapKeyRef",
        )
    )

    secret_key_ref: KeySelector | None = Field(default=None, description="A key of a Secret.")
    config_map_key_ref: KeySelector | None = Field(default=None, description="A key of a ConfigMap.")


class EnvVar(Model):
    """An environment variable of the flow's container."""

    model_config = ConfigDict(
        json_schema_extra=validation(
            "!(has(self.value) && has(self.valueFrom))", "give value or valueFrom, not both"
        )
    )

    name: _Key = Field(description="Name of the variable.")
    value: _Value | None = Field(default=None, description="Its value; $(NAME) is not expanded.")
    value_from: EnvVarSource | None = Field(default=None, description="Where its value comes from.")


class Reference(Model):
    """A ConfigMap or Secret of the same namespace."""

    name: ObjectName = Field(description="Name of the object.")
    optional: bool | None = Field(default=None, description="Whether it may be missing.")


class EnvFromSource(Model):
    """All keys of a ConfigMap or Secret as environment variables."""

    prefix: str | None = Field(default=None, max_length=64, description="Put before each name.")
    config_map_ref: Reference | None = Field(default=None, description="The ConfigMap.")
    secret_ref: Reference | None = Field(default=None, description="The Secret.")


class PersistentVolumeClaim(Model):
    """A claim of the same namespace."""

    claim_name: ObjectName = Field(description="Name of the PersistentVolumeClaim.")
    read_only: bool | None = Field(default=None, description="Mount it read-only.")


class EmptyDir(Model):
    """A folder that lives as long as the pod."""

    medium: Literal["", "Memory"] | None = Field(default=None, description="Memory for a tmpfs.")
    size_limit: Quantity | None = Field(default=None, description="Beyond it the pod is evicted.")


class SecretVolume(Model):
    """A Secret as files."""

    secret_name: ObjectName = Field(description="Name of the Secret.")
    optional: bool | None = Field(default=None, description="Whether it may be missing.")


_BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
_ONE_SOURCE = validation(
    "[has(self.persistentVolumeClaim), has(self.emptyDir), has(self.configMap), has(self.secret)]"
    ".filter(given, given).size() == 1",
    "give exactly one of persistentVolumeClaim, emptyDir, configMap and secret",
)


class Volume(Model):
    """A volume of the pod, from one of four sources."""

    model_config = ConfigDict(json_schema_extra=_ONE_SOURCE)

    name: _VolumeName = Field(
        description="Name that volumeMounts refer to.",
        json_schema_extra=validation(
            "!self.startsWith('millstream-')", "names that begin with millstream- are the operator's"
        ),
    )
    persistent_volume_claim: PersistentVolumeClaim | None = Field(default=None, description="A claim.")
    empty_dir: EmptyDir | None = Field(default=None, description="A folder that lives as long as the pod.")
    config_map: Reference | None = Field(default=None, description="A ConfigMap as files.")
    secret: SecretVolume | None = Field(default=None, description="A Secret as files.")


class VolumeMount(Model):
    """Where a volume appears in the flow's container."""

    name: _VolumeName = Field(description="Name of the volume.")
    mount_path: str = Field(
        min_length=1,
        max_length=1024,
        description="Absolute path in the container.",
        json_schema_extra=validation(
            "self.startsWith('/') && {}".format(
                " && ".join(f"!self.startsWith('{folder}')" for folder in _OWN_FOLDERS)
            ),
            f"mountPath must be absolute, and not below {', '.join(_OWN_FOLDERS[:-1])} or {_OWN_FOLDERS[-1]}, "
            "which are the operator's",
        ),
    )
    sub_path: str | None = Field(default=None, max_length=1024, description="Part of the volume to mount.")
    read_only: bool | None = Field(default=None, description="Mount it read-only.")


class Toleration(Model):
    """A node taint that the pod tolerates."""

    key: str | None = Field(default=None, max_length=316, description="Key of the taint.")
    operator: Literal["Exists", "Equal"] | None = Field(default=None, description="How value is compared.")
    value: str | None = Field(default=None, max_length=63, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint."
    )
    toleration_seconds: int | None = Field(default=None, description="How long NoExecute is tolerated.")


class SecurityContext(Model):
    """Users and groups; everything else follows the restricted pod security standard."""

    run_as_user: int | None = Field(default=None, ge=1, description="User; by default the image's.")
    run_as_group: int | None = Field(default=None, ge=1, description="Group; by default the image's.")
    fs_group: int | None = Field(default=None, ge=1, description="Group that owns the files of volumes.")


class InitContainer(Model):
    """A container that ends before the flow starts, or a sidecar that runs beside it."""

    name: _VolumeName = Field(
        description="Name of the container.",
        json_schema_extra=validation("self != 'flow'", "the container flow is the operator's"),
    )
    image: str = Field(min_length=1, max_length=1024, pattern="^[!-~]+$", description="Its image.")
    command: list[_Value] = Field(default_factory=list, max_length=64, description="In place of the image's.")
    args: list[_Value] = Field(default_factory=list, max_length=64, description="Arguments of the command.")
    env: list[EnvVar] = Field(
        default_factory=list, max_length=64, description="Environment variables.", json_schema_extra=_BY_NAME
    )
    env_from: list[EnvFromSource] = Field(
        default_factory=list, max_length=16, description="ConfigMaps and Secrets as environment variables."
    )
    resources: ResourceRequirements | None = Field(default=None, description="Requests and limits.")
    volume_mounts: list[VolumeMount] = Field(
        default_factory=list, max_length=32, description="Volumes of the pod that it sees."
    )
    restart_policy: Literal["Always"] | None = Field(
        default=None, description="Always for a sidecar, which is stopped when the flow has ended."
    )


class PodOptions(Model):
    """What a deployment may say about its pods."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                (
                    "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes)"
                    " && self.volumes.exists(volume, volume.name == mount.name))"
                ),
                "each of volumeMounts must name one of volumes",
            ),
            (
                (
                    "!has(self.automountServiceAccountToken) || !self.automountServiceAccountToken"
                    " || has(self.serviceAccountName)"
                ),
                "automountServiceAccountToken needs serviceAccountName",
            ),
        )
    )

    resources: ResourceRequirements | None = Field(default=None, description="Requests and limits.")
    env: list[EnvVar] = Field(
        default_factory=list,
        max_length=256,
        description="Environment variables.",
        json_schema_extra=_BY_NAME | _OWN_VARIABLES,
    )
    env_from: list[EnvFromSource] = Field(
        default_factory=list, max_length=32, description="ConfigMaps and Secrets as environment variables."
    )
    volumes: list[Volume] = Field(
        default_factory=list, max_length=32, description="Volumes of the pod.", json_schema_extra=_BY_NAME
    )
    volume_mounts: list[VolumeMount] = Field(
        default_factory=list, max_length=32, description="Where the volumes appear."
    )
    node_selector: _Labels = Field(default_factory=dict, description="Labels that the node must have.")
    tolerations: list[Toleration] = Field(
        default_factory=list, max_length=32, description="Tolerated taints."
    )
    affinity: FreeForm | None = Field(default=None, description="As in a pod.")
    topology_spread_constraints: list[FreeForm] = Field(
        default_factory=list, max_length=16, description="As in a pod."
    )
    priority_class_name: ObjectName | None = Field(default=None, description="PriorityClass of the pod.")
    runtime_class_name: ObjectName | None = Field(default=None, description="RuntimeClass of the pod.")
    service_account_name: ObjectName | None = Field(
        default=None, description="Service account of the pod, for workload identity for instance."
    )
    automount_service_account_token: bool = Field(
        default=False,
        description="Whether the flow gets a token of serviceAccountName for the Kubernetes API.",
    )
    init_containers: list[InitContainer] = Field(
        default_factory=list,
        max_length=8,
        description="Containers before the flow's, and sidecars.",
        json_schema_extra=_BY_NAME,
    )
    security_context: SecurityContext | None = Field(default=None, description="Users and groups.")
    labels: _Labels = Field(
        default_factory=dict,
        description="More labels; those that Kubernetes, Kueue and Millstream act on are reserved.",
        json_schema_extra=_UNRESERVED,
    )
    annotations: dict[_Key, _Value] = Field(
        default_factory=dict,
        max_length=64,
        description="More annotations; those that Kubernetes, Kueue and Millstream act on are reserved.",
        json_schema_extra=_UNRESERVED,
    )
    termination_grace_period_seconds: int = Field(
        default=30, ge=1, le=3600, description="Seconds between SIGTERM and SIGKILL."
    )

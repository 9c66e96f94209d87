"""What a run may say differently from its deployment: an allow-list, never a field of the pod at will."""

from pydantic import Field

from millstream.resources.model import Model
from millstream.resources.pod_options import ResourceRequirements
from millstream.resources.run_template import Backoff, RetryPolicy, RunTemplate, Timeouts

__all__ = ["RunOverrides"]

_DAY = 86_400


class TimeoutOverrides(Model):
    """Limits in seconds, in place of the deployment's; what is not given stays."""

    start_seconds: int | None = Field(default=None, ge=1, le=7 * _DAY, description="As in timeouts.")
    run_seconds: int | None = Field(default=None, ge=1, le=365 * _DAY, description="As in timeouts.")
    total_seconds: int | None = Field(default=None, ge=1, le=365 * _DAY, description="As in timeouts.")


class RetryOverrides(Model):
    """New attempts, in place of what the deployment says; what is not given stays."""

    failures: int | None = Field(default=None, ge=0, le=100, description="As in retryPolicy.")
    disruptions: int | None = Field(default=None, ge=0, le=100, description="As in retryPolicy.")
    backoff: Backoff | None = Field(default=None, description="As in retryPolicy, as a whole.")


class RunOverrides(Model):
    """What a run says differently from its deployment."""

    timeouts: TimeoutOverrides | None = Field(default=None, description="Limits in seconds.")
    retry_policy: RetryOverrides | None = Field(default=None, description="New attempts.")
    resources: ResourceRequirements | None = Field(
        default=None, description="Requests and limits of the flow's container, as a whole."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        pattern="^[!-~]+$",
        description="Image, if the deployment's overrides.allowImage is true.",
    )

    def applied_to(self, template: RunTemplate) -> RunTemplate:
        """Give the template with these changes."""
        timeouts: Timeouts = template.timeouts.replace(**_given(self.timeouts))
        retry_policy: RetryPolicy = template.retry_policy.replace(**_given(self.retry_policy))
        pod = template.pod.replace(resources=self.resources) if self.resources else template.pod
        image = self.image or template.image
        return template.replace(timeouts=timeouts, retry_policy=retry_policy, pod=pod, image=image)


def _given(part: Model | None) -> dict[str, object]:
    if part is None:
        return {}
    return {name: value for name in type(part).model_fields if (value := getattr(part, name)) is not None}

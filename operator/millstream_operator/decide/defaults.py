"""What a namespace and the cluster say about runs: defaults that fill gaps, ceilings, and a switch to stop."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from millstream.resources.namespace_defaults import NamespaceDefaults, RetryCeiling
from millstream.resources.quantity import amount
from millstream.resources.reasons import Reason
from millstream.resources.run_template import RetryPolicy, RunTemplate
from millstream_operator.decide.observed import Defaults

__all__ = ["above_ceiling", "filled", "live_limit", "stopped"]


def stopped(defaults: tuple[Defaults, ...]) -> tuple[Reason, str] | None:
    """Say why nothing new may start, if it may not."""
    for found in defaults:
        where = f"ConfigMap {found.name} in namespace {found.namespace}"
        if found.error:
            return Reason.UNREADABLE_DEFAULTS, f"{where}: {found.error}"
        if found.value.suspend:
            reason = Reason.CLUSTER_SUSPENDED if found.clusterwide else Reason.NAMESPACE_SUSPENDED
            return reason, f"{where} says suspend"
    return None


def live_limit(defaults: tuple[Defaults, ...]) -> int | None:
    """Give how many runs of the namespace may be live at once; None for no limit."""
    limits = [d.value.max_live_runs for d in defaults if d.value.max_live_runs is not None]
    return min(limits, default=None)


def filled(template: RunTemplate, defaults: tuple[Defaults, ...]) -> RunTemplate:
    """Fill what a template leaves out; what the namespace says goes before what the cluster says."""
    for found in reversed(defaults):
        template = _filled(template, found.value)
    return template


def _filled(template: RunTemplate, value: NamespaceDefaults) -> RunTemplate:
    image = template.image or value.image
    if image and value.registry and not _names_registry(image):
        image = f"{value.registry}/{image}"
    pod = template.pod
    return template.replace(
        image=image,
        storage=template.storage or value.storage,
        retry_policy=_cut(template.retry_policy, value.max_retries or RetryCeiling()),
        pod=pod.replace(
            resources=pod.resources or value.resources,
            node_selector=value.node_selector | pod.node_selector,
            tolerations=[*pod.tolerations, *(t for t in value.tolerations if t not in pod.tolerations)],
        ),
    )


def _cut(policy: RetryPolicy, most: RetryCeiling) -> RetryPolicy:
    """Cut a retry policy to the most that is allowed; a default that is higher is nobody's mistake."""
    limits = {"failures": most.failures, "disruptions": most.disruptions}
    less = {
        name: limit for name, limit in limits.items() if limit is not None and limit < getattr(policy, name)
    }
    return policy.replace(**less)


def _names_registry(image: str) -> bool:
    """Whether an image names its registry, by the rule of https://github.com/distribution/reference."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")


def above_ceiling(template: RunTemplate, defaults: tuple[Defaults, ...]) -> str:
    """Say what of a template is more than is allowed; "" if nothing is."""
    return "; ".join(problem for found in defaults for problem in _problems(template, found.value))


def _problems(template: RunTemplate, value: NamespaceDefaults) -> Iterator[str]:
    allowed = value.allowed_images
    for image in (template.image, *(container.image for container in template.pod.init_containers)):
        if allowed is not None and image and not any(fnmatchcase(image, pattern) for pattern in allowed):
            yield f"image {image} is none of {', '.join(allowed) or 'the allowed ones'}"
    containers = (template.pod.resources, *(c.resources for c in template.pod.init_containers))
    for resources in containers:
        for asked in (resources.requests, resources.limits) if resources else ():
            for name in value.max_resources.keys() & asked.keys():
                yield from _excess(name, asked[name], value.max_resources[name])
    yield from _retry_problems(template, value.max_retries or RetryCeiling())


def _excess(name: str, asked: int | str, most: int | str) -> Iterator[str]:
    try:
        if amount(asked) > amount(most):
            yield f"{asked} of {name} is more than {most}"
    except ValueError as error:
        yield f"{name}: {error}"


def _retry_problems(template: RunTemplate, most: RetryCeiling) -> Iterator[str]:
    policy = template.retry_policy
    if most.failures is not None and policy.failures > most.failures:
        yield f"retryPolicy.failures {policy.failures} is more than {most.failures}"
    if most.disruptions is not None and policy.disruptions > most.disruptions:
        yield f"retryPolicy.disruptions {policy.disruptions} is more than {most.disruptions}"

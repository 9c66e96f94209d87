"""YAML as people write it for Kubernetes."""

import yaml

__all__ = ["Loader"]


class Loader(yaml.SafeLoader):
    """Has dates as texts, as JSON does, and as kubectl reads them."""


Loader.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

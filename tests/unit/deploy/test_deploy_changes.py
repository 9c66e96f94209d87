"""What a deployment changes, as it is told."""

import pytest

from millstream._deploy.changes import changes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"tags": []}, {}, []),
        ({"image": "a:1"}, {"image": "a:2"}, ['spec.image: "a:1" -> "a:2"']),
        ({}, {"suspend": True}, ["spec.suspend: false (the default) -> true"]),
        (
            {"retryPolicy": {"failures": 0, "disruptions": 5}, "logTail": False, "apiAccess": "None"},
            {"priority": 0},
            [
                "spec.logTail: false -> true (the default)",
                "spec.retryPolicy.disruptions: 5 -> 3 (the default)",
            ],
        ),
        (
            {"concurrency": {"limit": 1, "policy": "Skip"}},
            {},
            ["spec.concurrency.limit: 1 -> -", 'spec.concurrency.policy: "Skip" -> -'],
        ),
        (
            {"concurrency": {"limit": 1, "policy": "Skip"}},
            {"concurrency": {"limit": 1}},
            ['spec.concurrency.policy: "Skip" -> "Queue" (the default)'],
        ),
        (
            {"ofLater": 1, "suspend": True},
            {},
            ["spec.ofLater: 1 -> -", "spec.suspend: true -> false (the default)"],
        ),
        ({"suspend": True}, {"ofLater": 1}, ["spec.ofLater: - -> 1", "spec.suspend: true -> -"]),
        ({"tags": ["a"]}, {}, ['spec.tags: ["a"] -> -']),
        (
            {"schedules": [{"name": "x", "cron": "1"}, {"name": "y", "interval": 3}]},
            {"schedules": [{"name": "y", "interval": 3}, {"name": "x", "cron": "2"}]},
            ['spec.schedules[x].cron: "1" -> "2"'],
        ),
        (
            {"schedules": [{"name": "x", "cron": "1", "timeZone": "UTC"}]},
            {"schedules": [{"name": "y", "cron": "1", "timeZone": "UTC"}]},
            ["spec.schedules[x]: removed", "spec.schedules[y]: added"],
        ),
        (
            {"parameterSchema": {"properties": {"a": {"type": "string"}}}},
            {"parameterSchema": {"properties": {"a": {"type": "string"}, "b": {"type": "null"}}}},
            ['spec.parameterSchema.properties.b: - -> {"type": "null"}'],
        ),
        ({"description": "x" * 99}, {"description": ""}, [f'spec.description: "{"x" * 58}… -> ""']),
    ],
)
def test_changes(old, new, told):
    assert [str(change) for change in changes(old, new)] == told


def test_values_of_variables_are_not_shown():
    def spec(value):
        env = [{"name": "TOKEN", "value": value}]
        return {"pod": {"env": env, "initContainers": [{"name": "first", "env": env}]}}

    told = [str(change) for change in changes(spec("secret1"), spec("secret2"))]
    assert told == [
        "spec.pod.env[TOKEN].value: (not shown) -> (not shown)",
        "spec.pod.initContainers[first].env[TOKEN].value: (not shown) -> (not shown)",
    ]
    assert "secret" not in str(changes({}, spec("secret1")))
    assert "secret" not in str(changes({"pod": {"env": []}}, spec("secret1")))


def test_secret_parameters_are_not_shown():
    schema = {"properties": {"key": {"type": "string", "writeOnly": True}, "n": {"type": "integer"}}}

    def spec(key, n):
        given = {"key": key, "n": n}
        return {
            "parameterSchema": schema,
            "parameters": given,
            "schedules": [{"name": "s", "parameters": given}],
        }

    told = [str(change) for change in changes(spec("abc", 1), spec("xyz", 2))]
    assert told == [
        "spec.parameters.key: (not shown) -> (not shown)",
        "spec.parameters.n: 1 -> 2",
        "spec.schedules[s].parameters.key: (not shown) -> (not shown)",
        "spec.schedules[s].parameters.n: 1 -> 2",
    ]


def test_secrets_within_parameters_are_not_shown():
    secret = {"type": "string", "writeOnly": True}
    schema = {
        "properties": {
            "maybe": {"anyOf": [secret, {"type": "null"}]},
            "db": {"$ref": "#/$defs/Db"},
            "keys": {"items": {"$ref": "#/$defs/Db"}},
            "by_name": {"additionalProperties": secret},
        },
        "$defs": {"Db": {"properties": {"password": secret}}},
    }

    def spec(text):
        given = {
            "maybe": text,
            "db": {"password": text},
            "keys": [{"name": text, "password": text}],
            "by_name": {text: text},
        }
        return {"parameterSchema": schema, "parameters": given}

    told = [str(change) for change in changes(spec("abc"), spec("xyz"))]
    assert told == [
        f"spec.parameters.{name}: (not shown) -> (not shown)" for name in ("by_name", "db", "keys", "maybe")
    ]

import json

import pytest

from millstream.resources.run_document import InvalidDocumentError, RunDocument

LEAST = {"run": "r", "namespace": "n", "uid": "u", "attempt": 1, "entrypoint": "a:b"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {
            "parameters": {"x": [None, "$(HOME)", "ä\u2028\x00", 1.5]},
            "deployment": "d",
            "tags": ["t"],
            "scheduled_time": "2026-03-01T12:00:00+00:00",
            "run_seconds": 1,
            "grace_seconds": 2,
            "log_tail": False,
            "requirements": ["pandas>=2.3", "x @ https://host/${TOKEN}/x.whl"],
        },
    ],
)
def test_comes_back_as_it_was(more):
    document = RunDocument(**LEAST, **more)
    assert RunDocument.from_json(document.to_json()) == document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps(LEAST), "version None"),
        (json.dumps(LEAST | {"version": 2}), "version 2, this runner reads version 1"),
        (json.dumps({"version": 1, "run": "r"}), "missing"),
        (json.dumps(LEAST | {"version": 1, "future": 1}), "future"),
        (json.dumps(LEAST | {"version": 1, "attempt": "1"}), "attempt cannot be '1'"),
        (json.dumps(LEAST | {"version": 1, "parameters": []}), "parameters cannot be"),
        (json.dumps(LEAST | {"version": 1, "requirements": "pandas"}), "requirements cannot be"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(InvalidDocumentError, match=message):
        RunDocument.from_json(text)


def test_what_is_not_used_is_not_said():
    said = json.loads(RunDocument(**LEAST, log_tail=False).to_json())
    assert said == LEAST | {"version": 1, "grace_seconds": 30, "log_tail": False}

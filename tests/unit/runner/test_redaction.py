"""What may be stored of an attempt's output."""

import json

import pytest

from millstream.runner._redaction import plain_text, redact, secrets_of


def stored(text: str, environment: dict[str, str] | None = None) -> str:
    return redact(text, secrets_of(environment or {}))


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "AWS_SECRET_ACCESS_KEY",
        "apikey",
        "Credential",
        "SENTRY_DSN",
    ],
)
def test_values_of_secret_names(name):
    assert stored("it is s3cr3t!!, or s3cr3t!!", {name: "s3cr3t!!"}) == "it is [redacted], or [redacted]"


@pytest.mark.parametrize(
    "name", ["PATH", "PWD", "OLDPWD", "REGION", "GIT_AUTHOR_NAME", "TLS_KEY_FILE", "SSH_AUTH_SOCK"]
)
def test_values_of_other_names_stay(name):
    assert stored("open /etc/something", {name: "/etc/something"}) == "open /etc/something"


def test_short_values_stay():
    assert stored("1 is true", {"USE_TOKEN": "true", "KEY": "1"}) == "1 is true"


def test_secret_within_a_secret():
    assert (
        stored("abcdefgh-123456 abcdefgh", {"A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefgh-123456"})
        == "[redacted] [redacted]"
    )


def test_secret_as_it_stands_in_urls_reprs_and_json():
    value = "p@ss/wörd\\'\"\n!"
    forms = [value, "p%40ss%2Fw%C3%B6rd%5C%27%22%0A%21", repr(value)[1:-1], json.dumps(value)[1:-1]]
    for form in forms:
        assert "ss" not in stored(form, {"DB_PASSWORD": value}), form


def test_lines_of_a_key():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"
    assert "kqhkiG9w" not in stored("line 3: kqhkiG9w0BAQEF.", {"SIGNING_KEY": key})


def test_passwords_of_urls():
    assert stored("postgres://etl:pa55@db:5432/sales") == "postgres://etl:[redacted]@db:5432/sales"
    assert stored("http://db:5432/sales?at=1@2") == "http://db:5432/sales?at=1@2"


@pytest.mark.parametrize("url", ["https://{}@host/simple", "git+https://{}@host/x.git", "HTTP://{}@host"])
def test_tokens_of_urls(url):
    assert stored(f"no {url.format('ghp_1')}") == f"no {url.format('[redacted]')}"


def test_users_of_other_urls_stay():
    assert stored("ssh://git@host/x.git") == "ssh://git@host/x.git"


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"\x1b[1;31mred\x1b[0m\n", "red\n"),
        (b"\x1b]8;;http://x\x07link\x1b]8;;\x1b\\\n", "link\n"),
        (b" 10%\r 50%\r100%\ndone\r\n", "100%\ndone\n"),
        (b"tab\tand\x00bell\x07\n", "tab\tandbell\n"),
        (b"caf\xc3\xa9 \xff\n", "café \ufffd\n"),
    ],
)
def test_plain_text(output, text):
    assert plain_text(output) == text

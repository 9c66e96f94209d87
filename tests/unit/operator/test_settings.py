from pathlib import Path

import pytest

from millstream_operator.settings import Settings


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, Settings()),
        (["--port", "0", "--workers", "2"], {}, Settings(port=0, workers=2)),
        (["--namespaces", "a, b,,"], {}, Settings(namespaces=("a", "b"))),
        (["--log-level", "DEBUG"], {}, Settings(log_level="DEBUG")),
        (["--log-format", "json"], {}, Settings(log_format="json")),
        (["--no-leader-election"], {}, Settings(leader_election=False)),
        (["--lease-name", "a", "--lease-namespace", "b"], {}, Settings(lease_name="a", lease_namespace="b")),
        (["--config-namespace", "c"], {}, Settings(config_namespace="c")),
        (["--scrape-seconds", "0"], {}, Settings(scrape_seconds=0)),
        (
            ["--leader-election"],
            {
                "MILLSTREAM_OPERATOR_LEADER_ELECTION": "false",
                "MILLSTREAM_OPERATOR_LEASE_NAMESPACE": "a",
                "MILLSTREAM_OPERATOR_CONFIG_NAMESPACE": "b",
            },
            Settings(lease_namespace="a", config_namespace="b"),
        ),
        ([], {"MILLSTREAM_OPERATOR_LEADER_ELECTION": "false"}, Settings(leader_election=False)),
        (
            [],
            {
                "MILLSTREAM_OPERATOR_NAMESPACES": "a,b",
                "MILLSTREAM_OPERATOR_PORT": "9",
                "MILLSTREAM_OPERATOR_LOG_LEVEL": "ERROR",
                "MILLSTREAM_OPERATOR_WORKERS": "1",
            },
            Settings(namespaces=("a", "b"), port=9, log_level="ERROR", workers=1),
        ),
        (["--port", "1"], {"MILLSTREAM_OPERATOR_PORT": "2"}, Settings(port=1)),
        ([], {"MILLSTREAM_OPERATOR_NAMESPACES": "", "MILLSTREAM_OPERATOR_PORT": ""}, Settings()),
    ],
)
def test_reads_the_command_line_before_the_environment(arguments, environment, expected):
    assert Settings.read(arguments, environment, Path("none")) == expected


def test_in_a_pod_its_namespace_is_the_leases_and_the_configurations(tmp_path):
    own = tmp_path / "namespace"
    own.write_text("system\n")
    assert Settings.read([], {}, own) == Settings(lease_namespace="system", config_namespace="system")
    given = Settings.read(["--lease-namespace", "other"], {}, own)
    assert given == Settings(lease_namespace="other", config_namespace="system")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--log-level", "verbose"], {}, "choose one of DEBUG, INFO, WARNING, ERROR"),
        ([], {"MILLSTREAM_OPERATOR_LOG_LEVEL": "verbose"}, "choose one of DEBUG"),
        (["--port", "http"], {}, "invalid int value"),
        ([], {"MILLSTREAM_OPERATOR_PORT": "http"}, "invalid int value"),
        (["--workers", "0"], {}, "above 0"),
        ([], {"MILLSTREAM_OPERATOR_WORKERS": "-1"}, "above 0"),
        (["--scrape-seconds", "1m"], {}, "give a whole number of seconds"),
        (["--log-format", "xml"], {}, "choose one of text, json"),
        (["--lease-name", "a/b"], {}, "lower-case letters, digits and dashes"),
        ([], {"MILLSTREAM_OPERATOR_LEASE_NAMESPACE": "No"}, "lower-case letters, digits and dashes"),
        ([], {"MILLSTREAM_OPERATOR_LEADER_ELECTION": "yes"}, "LEADER_ELECTION: choose one of true, false"),
        (["--what"], {}, "unrecognized arguments"),
    ],
)
def test_a_mistake_ends_the_process_with_a_message(arguments, environment, message, capsys):
    with pytest.raises(SystemExit):
        Settings.read(arguments, environment)
    assert message in capsys.readouterr().err

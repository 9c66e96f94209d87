import pytest

from millstream_operator.settings import Settings


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, Settings()),
        (["--port", "0", "--workers", "2"], {}, Settings(port=0, workers=2)),
        (["--namespaces", "a, b,,"], {}, Settings(namespaces=("a", "b"))),
        (["--log-level", "DEBUG"], {}, Settings(log_level="DEBUG")),
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
    assert Settings.read(arguments, environment) == expected


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--log-level", "verbose"], {}, "choose one of DEBUG, INFO, WARNING, ERROR"),
        ([], {"MILLSTREAM_OPERATOR_LOG_LEVEL": "verbose"}, "choose one of DEBUG"),
        (["--port", "http"], {}, "invalid int value"),
        ([], {"MILLSTREAM_OPERATOR_PORT": "http"}, "invalid int value"),
        (["--workers", "0"], {}, "above 0"),
        ([], {"MILLSTREAM_OPERATOR_WORKERS": "-1"}, "above 0"),
        (["--what"], {}, "unrecognized arguments"),
    ],
)
def test_a_mistake_ends_the_process_with_a_message(arguments, environment, message, capsys):
    with pytest.raises(SystemExit):
        Settings.read(arguments, environment)
    assert message in capsys.readouterr().err

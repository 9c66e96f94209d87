"""Packages that a run requires beside its image, installed by the real pip and uv from a folder of wheels."""

import os
import select
import shutil
import signal
import sys
from pathlib import Path

import pytest
from tiny_wheels import make_project_that_hangs, make_wheel

from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

UV = Path(sys.executable).with_name("uv")
DEADLINE = 30
NOWHERE = "http://etl:hunter22@127.0.0.1:9/simple"


@pytest.fixture(params=["pip", "uv"])
def environment(request, tmp_path):
    """The environment of a pod whose image has this installer, which finds the wheels of `folder` and nothing else."""
    programs = tmp_path / "programs"
    programs.mkdir()
    if request.param == "uv":
        (programs / "uv").symlink_to(UV)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "wheels").mkdir()
    return {
        "PATH": f"{programs}:/usr/bin:/bin",
        "TMPDIR": str(temporary),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(tmp_path / "wheels"),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }


@pytest.fixture
def wheels(tmp_path):
    def make(*arguments, **options):
        return make_wheel(tmp_path / "wheels", *arguments, **options)

    return make


def assert_not_installed(outcome, *words):
    assert outcome.exit_code == ExitCode.REQUIREMENTS_FAILED
    record = outcome.record
    assert (record.state, record.reason) == (RunState.FAILED, Reason.REQUIREMENTS_FAILED), outcome.err
    assert record.start_time is None
    assert [word for word in words if word not in record.message] == []
    assert b"Traceback" not in outcome.err


def test_what_is_required_is_there_for_the_flow_and_for_what_it_starts(run, wheels, environment):
    wheels("tiny_sums", "1.2", "tiny_base>=2")
    wheels("tiny_base", "2.0")
    outcome = run(
        """
        import tiny_sums, tiny_base
        from millstream.task_runners import ProcessPoolTaskRunner

        @task
        def elsewhere():
            import tiny_sums
            return tiny_sums.VERSION

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        def main():
            program = [sys.executable, "-c", "import tiny_base; print(tiny_base.VERSION)"]
            by_program = subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()
            return [tiny_sums.VERSION, tiny_base.VERSION, elsewhere.submit().result(), by_program]
        """,
        requirements=["tiny-sums>=1"],
        environment=environment,
    )
    assert outcome.record.result == ["1.2", "2.0", "1.2", "2.0"], outcome.err
    assert b"tiny_sums" in outcome.err.replace(b"-", b"_")
    assert b"already satisfied" not in outcome.err


def test_what_the_image_has_is_not_installed_again(run, wheels, environment):
    wheels("pydantic", "2.99")
    wheels("tiny_sums", "1.0", "pydantic>=2")
    source = """
    import pydantic

    @flow
    def main():
        from importlib.metadata import version
        return [pydantic.VERSION == version("pydantic"), pydantic.VERSION != "2.99", pydantic.__file__]
    """
    outcome = run(source, requirements=["tiny_sums", "pydantic"], environment=environment)
    *checks, file = outcome.record.result
    assert checks == [True, True]
    assert not file.startswith(environment["TMPDIR"])


def test_nothing_is_started_if_the_image_has_everything(run, tmp_path, environment):
    (tmp_path / "programs/uv").unlink(missing_ok=True)
    (tmp_path / "programs/uv").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "programs/uv").chmod(0o755)
    outcome = run(
        "@flow\ndef main(): return 'venv' in sys.modules",
        requirements=["pydantic>=2", "requests", "absent; sys_platform == 'win32'"],
        environment=environment,
    )
    assert outcome.record.result is False
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize(("name", "version"), [("iniconfig", "99.0"), ("packaging", "26.99")])
def test_a_version_that_the_image_does_not_have_hides_the_images(run, wheels, environment, name, version):
    wheels(name, version)
    source = f"""
    import {name}

    @flow
    def main():
        from importlib.metadata import version
        return [{name}.VERSION, version("{name}")]
    """
    outcome = run(source, requirements=[f"{name}=={version}"], environment=environment)
    assert outcome.record.result == [version, version]
    untouched = run(f"import {name}\n@flow\ndef main(): return hasattr({name}, 'VERSION')")
    assert untouched.record.result is False


def test_local_modules_and_the_standard_library_come_first(run, workbench, wheels, environment):
    wheels("tiny_sums", "1.0", "tiny_local", "colorsys")
    wheels("tiny_local", "1.0")
    wheels("colorsys", "1.0")
    (workbench.directory / "tiny_local.py").write_text("VERSION = 'local'")
    source = """
    import colorsys, tiny_local

    @flow
    def main(): return [tiny_local.VERSION, hasattr(colorsys, "rgb_to_hsv")]
    """
    outcome = run(source, requirements=["tiny_sums"], environment=environment)
    assert outcome.record.result == ["local", True]


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("tiny_none>=1", ["tiny_none>=1"]),
        ("tiny_sums>=9", ["tiny_sums>=9"]),
        ("tiny_heretic", ["tiny_heretic", "millstream"]),
        ("tiny_old", ["tiny_old"]),  # of what stands in its way, uv names the one or the other first
        ("millstream>=99", ["millstream>=99 cannot be had: millstream 0.", "and is not replaced"]),
        ("millstream @ file:///nowhere", ["of the image runs this flow, and is not replaced"]),
        ("--index-url=http://x", ["--index-url=http://x is no requirement as PEP 508 says"]),
        ("tiny_sums # the best", ["tiny_sums # the best is no requirement"]),
    ],
)
def test_what_cannot_be_had(run, wheels, environment, requirement, words):
    wheels("tiny_sums", "1.0")
    wheels("tiny_heretic", "1.0", "millstream==99")
    wheels("tiny_old", "1.0", "pydantic<2")
    wheels("pydantic", "1.9")
    wheels("millstream", "99")
    outcome = run(
        "@flow\ndef main(): print('ran')", requirements=["pytest", requirement], environment=environment
    )
    assert_not_installed(outcome, *words)
    assert outcome.out == b""


def test_an_index_out_of_reach_is_told_without_its_password(run, environment):
    environment |= {"PIP_NO_INDEX": "", "PIP_INDEX_URL": NOWHERE, "PIP_RETRIES": "1"}
    environment |= {"UV_NO_INDEX": "", "UV_DEFAULT_INDEX": NOWHERE, "UV_HTTP_RETRIES": "0"}
    outcome = run("@flow\ndef main(): pass", requirements=["tiny_sums"], environment=environment)
    assert_not_installed(outcome, "tiny_sums", "onnection refused")
    assert "hunter22" not in outcome.message
    assert "onnection refused" in outcome.record.log_tail


def test_credentials_of_a_requirement_are_not_told(run, environment):
    requirement = "tiny_sums @ http://ghp_abcdef@127.0.0.1:9/tiny_sums-1.0-py3-none-any.whl"
    environment |= {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    outcome = run("@flow\ndef main(): pass", requirements=[requirement], environment=environment)
    assert_not_installed(outcome, "tiny_sums @ http://[redacted]@127.0.0.1:9")
    assert "ghp_abcdef" not in outcome.message
    assert b"ghp_abcdef" not in outcome.err


def test_credentials_may_come_from_the_environment(run, wheels, environment, tmp_path):
    wheel = wheels("tiny_sums", "1.0")
    moved = tmp_path / "s3cret"
    moved.mkdir()
    shutil.move(wheel, moved)
    outcome = run(
        "import tiny_sums\n@flow\ndef main(): return tiny_sums.VERSION",
        requirements=[f"tiny_sums @ {tmp_path.as_uri()}/${{FOLDER}}/{wheel.name}"],
        environment=environment | {"FOLDER": "s3cret"},
    )
    assert outcome.record.result == "1.0", outcome.err


@pytest.fixture
def fifo(workbench):
    path = workbench.directory / "building"
    os.mkfifo(path)
    return path


@pytest.fixture
def start_to_build(workbench, environment, fifo):
    """Start an attempt whose requirement has to be built, which never ends."""

    def start(**options):
        requirement = make_project_that_hangs(workbench.directory / "slow", fifo)
        source = "@flow\ndef main(): print('ran')"
        return workbench.start(source, requirements=[requirement], environment=environment, **options)

    return start


def assert_given_up(fifo):
    """Nobody waits for the FIFO any more: who opens it to write finds no reader."""
    with pytest.raises(OSError, match="No such device or address"):
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


def test_a_stop_in_the_middle_of_it(start_to_build, fifo):
    told = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    attempt = start_to_build(grace_seconds=3600)
    builds, _, _ = select.select([told], [], [], DEADLINE)
    os.close(told)
    assert builds, attempt.err.content
    attempt.signal(signal.SIGTERM)
    outcome = attempt.finish()
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert (outcome.record.state, outcome.record.reason) == (RunState.CRASHED, Reason.INTERRUPTED)
    assert outcome.record.message.endswith("The flow had not started.")
    assert_given_up(fifo)


def test_the_time_limit_holds_during_it(start_to_build, fifo):
    told = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    attempt = start_to_build(run_seconds=10, grace_seconds=3600)
    builds, _, _ = select.select([told], [], [], DEADLINE)
    os.close(told)
    assert builds, attempt.err.content
    outcome = attempt.finish()
    assert outcome.exit_code == ExitCode.RUN_TIMEOUT
    assert outcome.record.message == "The attempt took longer than 10 s. The flow had not started."
    assert_given_up(fifo)

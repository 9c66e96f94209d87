"""Type the session of docs/tutorial.md into a terminal, and put what it showed there and into docs/tutorial.svg.

It needs a cluster with the operator and the flows' image (`make demo` leaves one); it makes a namespace of its own, and
takes it away.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import terminal

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tutorial.md"
NAMESPACE = "tutorial"
WIDTH = 110
LONGEST_SECONDS = 180
PLACE = re.compile(r"^(<!-- session: (\w+) -->)\n(\n```console\n.*?^```\n)?", re.DOTALL | re.MULTILINE)

SESSION = {
    "init": [
        "millstream init sales",
        "cd sales",
        """millstream run flows.py -p 'names=["Ada"]'""",
    ],
    "deploy": [
        "millstream deploy",
        "millstream deploy sales --cron '30 6 * * MON-FRI' --timezone Europe/Berlin",
        "millstream deployment ls",
    ],
    "run": [
        "millstream deployment run sales -p names=Ada -p time=2",
        """millstream deployment run sales --name greetings -p 'names=["Ada", "Grace"]' --watch""",
    ],
    "see": [
        "millstream run ls",
        "millstream run show greetings",
        "millstream run logs greetings",
    ],
    "failure": [
        "millstream deploy",
        """millstream deployment run sales --name trouble -p 'names=["Ada"]' --retries 0 -p times=-1 --watch""",
        "millstream run show trouble",
        "millstream run retry trouble --watch",
    ],
}
"""The commands by the parts of the page."""

PLACE_OF_CODE = "    greetings ="


def record(folder: Path, code: str) -> dict[str, str]:
    """What a terminal shows of each part; `code` is what the reader has put into the flow before it fails."""
    environment = _environment(folder)
    shown = {}
    for part, commands in SESSION.items():
        if part == "failure":
            flows = folder / "sales/flows.py"
            flows.write_text(flows.read_text().replace(PLACE_OF_CODE, code + PLACE_OF_CODE))
        shown[part] = "\n".join(_typed(command, folder, environment) for command in commands)
    return shown


def _environment(folder: Path) -> dict[str, str]:
    """A kubeconfig whose context is the namespace, and a home of its own."""
    config = folder / "kubeconfig"
    view = ["kubectl", "config", "view", "--raw", "--flatten", "--minify"]
    config.write_text(subprocess.run(view, check=True, capture_output=True, text=True).stdout)
    environment = {
        "KUBECONFIG": str(config),
        "MILLSTREAM_HOME": str(folder / "home"),
        "MILLSTREAM_DEPLOY_IMAGE": "millstream-flow:dev",
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
    }
    choose = ["kubectl", "config", "set-context", "--current", f"--namespace={NAMESPACE}"]
    subprocess.run(choose, check=True, capture_output=True, env=os.environ | environment)
    return environment


def _typed(command: str, folder: Path, environment: dict[str, str]) -> str:
    if command.startswith("cd "):
        return f"$ {command}\n"
    project = folder / "sales"
    where = project if project.exists() else folder
    with terminal.started(["bash", "-c", command], where, WIDTH, environment) as screen:
        return f"$ {command}\n{screen.read(LONGEST_SECONDS)}"


def main() -> None:
    """Write the picture and the page."""
    page = PAGE.read_text()
    code = "".join(f"{line}\n" for line in re.findall(r"^\+(.*)$", page, re.MULTILINE))
    subprocess.run(["kubectl", "create", "namespace", NAMESPACE], check=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            shown = record(Path(folder), code)
    finally:
        subprocess.run(["kubectl", "delete", "namespace", NAMESPACE, "--wait=false"], check=True)
    drawn = terminal.picture(
        "\n".join(shown[part] for part in ("deploy", "run")),
        title="From a file to a run",
        width=WIDTH,
        name="tutorial",
    )
    PAGE.with_suffix(".svg").write_text(drawn)

    def transcript(place: re.Match[str]) -> str:
        return f"{place[1]}\n\n```console\n{terminal.plain(shown[place[2]])}\n```\n"

    PAGE.write_text(PLACE.sub(transcript, page))


if __name__ == "__main__":
    main()

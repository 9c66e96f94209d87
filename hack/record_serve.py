"""Record the first example of docs/serve.md in a terminal, as docs/serve.svg and on the page itself."""

import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import terminal

PAGE = Path(__file__).parents[1] / "docs/serve.md"
TRANSCRIPT = re.compile(r"^!\[.*?\n```console\n.*?^```$", re.DOTALL | re.MULTILINE)
WIDTH = 150
FIRST_SECOND, SECONDS = 52, 12


def record(source: str) -> str:
    """What a terminal gets from the program, around the end of a minute, until Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "news.py").write_text(source)
        time.sleep((FIRST_SECOND - time.time()) % 60)
        command, environment = [sys.executable, "news.py"], {"MILLSTREAM_HOME": folder, "TZ": "Europe/Berlin"}
        with terminal.started(command, Path(folder), WIDTH, environment) as screen:
            written = screen.read(SECONDS)
            screen.process.send_signal(signal.SIGINT)
            written += screen.read(SECONDS)
    return "$ python news.py\n" + written


def main() -> None:
    """Write the picture and the page."""
    page = PAGE.read_text()
    written = record(re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0])
    drawn = terminal.picture(written, title="flow.serve with two schedules", width=WIDTH, name="serve")
    PAGE.with_suffix(".svg").write_text(drawn)
    shown = f"![the program in a terminal](serve.svg)\n\n```console\n{terminal.plain(written)}\n```"
    PAGE.write_text(TRANSCRIPT.sub(lambda _: shown, page, count=1))


if __name__ == "__main__":
    main()

"""Record the first example of docs/serve.md in a terminal, as docs/serve.svg and on the page itself."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

PAGE = Path(__file__).parents[1] / "docs/serve.md"
PICTURE = PAGE.with_suffix(".svg")
TRANSCRIPT = re.compile(r"^!\[.*?\n```console\n.*?^```$", re.DOTALL | re.MULTILINE)
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
WIDTH = 150
FIRST_SECOND, SECONDS = 52, 12


def record(source: str) -> str:
    """What a terminal gets from the program, around the end of a minute, until Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "news.py").write_text(source)
        time.sleep((FIRST_SECOND - time.time()) % 60)
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "news.py"],
            cwd=folder,
            env={**os.environ, "MILLSTREAM_HOME": folder, "TZ": "Europe/Berlin", "COLUMNS": str(WIDTH)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        written = _read(ours, until=time.monotonic() + SECONDS)
        process.send_signal(signal.SIGINT)
        written += _read(ours, until=time.monotonic() + SECONDS)
        process.wait()
    return "$ python news.py\n" + written.decode().replace("\r", "")


def _read(terminal: int, until: float) -> bytes:
    written = b""
    while (seconds := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], seconds)[0]:
            try:
                written += os.read(terminal, 65536)
            except OSError:  # nobody has the other end open any more
                break
    return written


def main() -> None:
    """Write the picture and the page."""
    page = PAGE.read_text()
    written = record(re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0])
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: PTH123, SIM115
    console.print(Text.from_ansi(written), soft_wrap=True)
    picture = console.export_svg(title="flow.serve with two schedules", unique_id="serve")
    PICTURE.write_text(FONT.sub("", picture))  # the reader's own will do: a page loads nothing from elsewhere
    plain = Text.from_ansi(written).plain.rstrip()
    shown = f"![the program in a terminal](serve.svg)\n\n```console\n{plain}\n```"
    PAGE.write_text(TRANSCRIPT.sub(lambda _: shown, page, count=1))


if __name__ == "__main__":
    main()

"""docs/serve.md says all that can be served."""

import inspect
import re
from pathlib import Path

from millstream import flow
from millstream.serving import DeploymentOptions

TEXT = (Path(__file__).parents[3] / "docs" / "serve.md").read_text()


def test_every_option_has_its_row():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", TEXT, re.MULTILINE)
    own = inspect.signature(flow(lambda: None).serve).parameters.keys() - {"options"}
    assert set(re.findall(r"\w+", " ".join(rows))) == DeploymentOptions.__optional_keys__ | own


def test_the_recording_is_there():
    assert "Serving a deployment, at most 5 runs at once. Ctrl-C stops." in TEXT
    assert (Path(__file__).parents[3] / "docs" / "serve.svg").exists()

"""docs/operations.md names what there is: metrics, settings of the chart, and figures of the code."""

import re
from pathlib import Path

import pytest
import yaml

from millstream.resources import completion_record, run_document
from millstream.resources.flow_deployment import RunHistory
from millstream.resources.flow_run import MAX_ATTEMPTS_KEPT
from millstream.resources.names import MAX_RUN_NAME
from millstream.resources.reasons import Reason
from millstream.resources.run_template import Timeouts
from millstream.resources.states import RunState
from millstream_operator.lease import LEASE_SECONDS, RENEW_SECONDS
from millstream_operator.metric_registry import METRICS
from millstream_operator.settings import Settings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/operations.md").read_text()
VALUES = yaml.safe_load((ROOT / "charts/millstream/values.yaml").read_text())
LIMITS = TEXT.partition("## Limits")[2]


def test_the_queries_ask_for_metrics_that_there_are():
    queries = "".join(re.findall(r"^```promql\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
    asked = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\bmillstream_\w+", queries)}
    assert asked
    assert asked <= METRICS.keys()
    quoted = {
        word for group in re.findall(r"\b(?:state|reason)=~?\"(.*?)\"", queries) for word in group.split("|")
    }
    assert quoted <= {*RunState, *Reason}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:crds|rbac|uninstall|apiAccess)\.\w+)`", TEXT))))
def test_a_value_of_the_chart_is_there(path):
    section, _, name = path.partition(".")
    assert name in VALUES[section]


def test_what_is_called_a_reason_is_one():
    named = re.findall(r"reason (?:is )?`(\w+)`", TEXT)
    assert len(named) > 15
    assert set(named) <= set(Reason)


def test_the_figures_are_those_of_the_code():
    assert f"{MAX_RUN_NAME} characters" in LIMITS
    assert f"{run_document.MAX_BYTES // 1024} KiB" in LIMITS
    assert f"{completion_record.MAX_BYTES:,} bytes" in LIMITS
    assert f"the last {MAX_ATTEMPTS_KEPT} " in LIMITS
    assert f"| {LEASE_SECONDS} s |" in TEXT
    assert f"| {RENEW_SECONDS:.0f} s |" in TEXT
    assert f"`timeouts.startSeconds` ({Timeouts().start_seconds} by default)" in TEXT
    assert f"({RunHistory().successful} and {RunHistory().failed} by default" in TEXT
    assert f"`workers` ({Settings.workers})" in TEXT

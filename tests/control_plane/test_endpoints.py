import re

import pytest
from api_server import COMPLETED
from patience import eventually
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.control_plane


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_says_that_it_is_well(operator, path):
    answer = operator.fetch(path)
    assert (answer.status_code, answer.text) == (200, "ok")


def test_metrics_show_a_run(operator, ns):
    ns.deploy()
    ns.run()
    eventually(lambda: ns.play("etl-1", COMPLETED))
    answer = operator.fetch("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "etl-1" not in answer.text
    of_run = {"namespace": ns.name, "deployment": "etl"}
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if of_run.items() <= sample.labels.items() and "le" not in sample.labels
        if sample.labels.get("state", "Completed") == "Completed"
    }
    assert found["millstream_flow_runs"] == 1
    assert found["millstream_flow_runs_finished_total"] == 1
    assert found["millstream_flow_run_start_delay_seconds_count"] == 1
    assert found["millstream_flow_run_duration_seconds_count"] == 1


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_metrics_are_compressed_for_who_accepts_that(operator, coding):
    answer = operator.fetch("/metrics", {"Accept-Encoding": coding})
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert "millstream_operator_leader 1.0" in answer.text


def test_needs_no_right_that_the_chart_does_not_grant(operator):
    refused = re.findall(r'code="(40[13])"', operator.fetch("/metrics").text)
    assert refused == []
    assert "forbidden" not in operator.log.lower()

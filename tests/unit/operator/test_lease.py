"""The decision of a candidate; how several of them get on is in tests/property/test_lease.py."""

import pytest
from builders import NOW

from millstream_operator.lease import LEASE_SECONDS, NOBODY_YET, Record, Step, decide

ME, OTHER = "me", "other"
ABSENT = Record()


def held(holder):
    return Record(version="7", holder=holder)


@pytest.mark.parametrize(
    ("record", "unchanged", "leading", "step"),
    [
        (ABSENT, 0, False, Step.ANNOUNCE),
        (ABSENT, 1000, False, Step.ANNOUNCE),
        (ABSENT, 0, True, Step.ACQUIRE),
        (held(""), 0, False, Step.ACQUIRE),
        (held(""), 0, True, Step.ACQUIRE),
        (held(NOBODY_YET), 0, False, Step.WAIT),
        (held(NOBODY_YET), LEASE_SECONDS, False, Step.ACQUIRE),
        (held(NOBODY_YET), 0, True, Step.ACQUIRE),
        (held(OTHER), LEASE_SECONDS - 0.1, False, Step.WAIT),
        (held(OTHER), LEASE_SECONDS, False, Step.ACQUIRE),
        (held(OTHER), 0, True, Step.LOSE),
        (held(OTHER), 1000, True, Step.LOSE),
        (held(ME), 0, True, Step.RENEW),
        (held(ME), 0, False, Step.RENEW),
        (held(ME), 1000, False, Step.RENEW),
    ],
)
def test_decides_what_a_candidate_does(record, unchanged, leading, step):
    assert decide(record, ME, unchanged, leading=leading) is step


def lease(**spec):
    return {"metadata": {"resourceVersion": "7"}, "spec": spec}


@pytest.mark.parametrize(
    ("o", "record"),
    [
        (lease(holderIdentity=OTHER, leaseTransitions=3), Record("7", OTHER, 3)),
        (lease(holderIdentity=None, leaseTransitions=None), Record("7")),
        (lease(holderIdentity=5, leaseTransitions="many", leaseDurationSeconds="long"), Record("7", "5")),
        (lease(leaseTransitions=-1), Record("7")),
        (lease(leaseTransitions=2**31 - 1), Record("7")),
        ({"metadata": {"resourceVersion": "7"}}, Record("7")),
        ({"metadata": {"resourceVersion": "7"}, "spec": "none"}, Record("7")),
    ],
)
def test_reads_whatever_is_in_a_lease(o, record):
    assert Record.from_object(o) == record


@pytest.mark.parametrize(
    "o", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": {"resourceVersion": ""}}, {"metadata": []}]
)
def test_what_is_no_stored_object_is_no_lease(o):
    with pytest.raises(ValueError, match="no Lease"):
        Record.from_object(o)


def test_a_holder_goes_on_from_when_it_acquired():
    spec = Record("7", ME, 3, "2026-01-01T00:00:00.000000Z").held_by(ME, NOW)
    assert spec == {
        "holderIdentity": ME,
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-03-01T12:00:00.000000Z",
        "leaseTransitions": 3,
    }


@pytest.mark.parametrize(
    ("record", "holder", "transitions"),
    [(ABSENT, NOBODY_YET, 0), (held(OTHER), ME, 1), (held(""), ME, 1), (held(ME), "", 0)],
)
def test_counts_who_held_it(record, holder, transitions):
    spec = record.held_by(holder, NOW)
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == (holder, transitions)
    assert spec["acquireTime"] == spec["renewTime"]

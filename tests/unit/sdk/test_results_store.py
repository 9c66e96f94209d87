"""Results are kept with what is needed to read and to doubt them."""

import json
import logging
import pickle
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from millstream.filesystems import InMemoryStorage, LocalFileSystem
from millstream.results import ResultRecord, ResultStore, open_store
from millstream.serializers import JSONSerializer, SerializationError, Serializer

NOW = datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.fixture(autouse=True)
def _clock(still):
    """Time stands at NOW."""


@pytest.fixture
def store():
    return ResultStore(InMemoryStorage())


def warnings(logs):
    return [record.getMessage() for record in logs.records if record.levelno == logging.WARNING]


def test_what_was_written_is_read(store):
    written = store.write("a/key", {1, 2})
    assert written == ResultRecord({1, 2}, "a/key", None, NOW, "pickle")
    assert store.read("a/key") == written
    assert store.exists("a/key")


def test_nothing_is_there_before(store, logs):
    assert store.read("key") is None
    assert not store.exists("key")
    assert not logs.records


def test_none_is_a_result(store):
    store.write("key", None)
    assert store.read("key").value is None
    assert store.exists("key")


def test_delete(store):
    store.write("key", 1)
    store.delete("key")
    store.delete("key")
    assert store.read("key") is None


def test_a_result_expires(store, still, logs):
    expiration = NOW + timedelta(seconds=10)
    store.write("key", 1, expiration)
    still.now += 9.5
    assert store.read("key").expiration == expiration
    assert store.exists("key")
    still.now += 0.5
    assert store.read("key") is None
    assert not store.exists("key")
    store.write("key", 2)
    assert store.read("key").value == 2
    assert not logs.records


def test_an_expiration_needs_a_time_zone(store):
    with pytest.raises(ValueError, match="has no time zone"):
        store.write("key", 1, datetime(2030, 1, 1))  # noqa: DTZ001
    assert not store.exists("key")


def test_what_would_not_come_back_is_not_written(store):
    with pytest.raises(SerializationError):
        store.write("key", (x for x in "ab"))
    assert not store.exists("key")


def test_it_is_read_by_what_wrote_it(store):
    ResultStore(store.storage, JSONSerializer()).write("key", [1, 2])
    assert store.read("key") == ResultRecord([1, 2], "key", None, NOW, "json")
    store.write("key", (1, 2))
    assert ResultStore(store.storage, JSONSerializer()).read("key").value == (1, 2)


class Upper(Serializer):
    type = "upper"

    def dumps(self, value):
        return value.upper().encode()

    def loads(self, data):
        return data.decode()


def test_a_serializer_of_the_users_own(store, logs):
    own = ResultStore(store.storage, Upper())
    own.write("key", "value")
    assert own.read("key").value == "VALUE"
    assert store.read("key") is None
    assert "'key' in InMemoryStorage() is ignored, because upper cannot read it here" in warnings(logs)[0]
    assert "There is no serializer 'upper'" in warnings(logs)[0]


def test_the_format(store):
    """Other versions read this, so it may change only together with the version."""
    ResultStore(store.storage, JSONSerializer()).write("key", ["a\nb"], NOW + timedelta(days=1))
    line, _, payload = store.storage.read("key").partition(b"\n")
    assert payload == b'["a\\nb"]'
    assert json.loads(line) == {
        "version": 1,
        "serializer": "json",
        "created": "2023-11-14T22:13:20+00:00",
        "expiration": "2023-11-15T22:13:20+00:00",
        "sha256": sha256(payload).hexdigest(),
    }


def entry(payload=b"1", **changes):
    header = {
        "version": 1,
        "serializer": "json",
        "created": "2023-11-14T22:13:20+00:00",
        "expiration": None,
        "sha256": sha256(payload).hexdigest(),
    } | changes
    return json.dumps(header).encode() + b"\n" + payload


class Explosive:
    def __reduce__(self):
        return exec, ("raise SystemError('boom')",)


def test_the_entry_that_the_following_spoil_is_right(store):
    store.storage.write("key", entry())
    assert store.read("key").value == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin as a result does"),
        (b"\x80\x04K\x01.", "does not begin as a result does"),
        (b"[1]\n1", "does not begin as a result does"),
        (b"[" * 100_000, "does not begin as a result does"),
        (b"{}\n1", "does not begin as a result does"),
        (entry(created="yesterday"), "does not begin as a result does"),
        (entry(expiration=12), "does not begin as a result does"),
        (entry(expiration="2023-11-15T22:13:20"), "has no time zone"),
        (entry(version=2), "its version is 2 and this Millstream reads 1"),
        (entry()[:-1], "its checksum is wrong: it was cut off or changed"),
        (entry()[:-2], "its checksum is wrong: it was cut off or changed"),
        (entry()[:-1] + b"2", "its checksum is wrong: it was cut off or changed"),
    ],
)
def test_a_damaged_result_is_told_and_counts_as_missing(store, logs, data, reason):
    store.storage.write("key", data)
    assert not store.exists("key")
    assert store.read("key") is None
    (message,) = warnings(logs)
    assert message.startswith("The result 'key' in InMemoryStorage() is ignored, because ")
    assert reason in message
    store.write("key", "computed again")
    assert store.read("key").value == "computed again"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (entry(b"{"), "json cannot read it here"),
        (entry(serializer="xml"), "xml cannot read it here"),
        (entry(serializer=["json"]), "cannot read it here"),
        (entry(b"cno_module\nThing\n.", serializer="pickle"), "No module named 'no_module'"),
        (
            entry(pickle.dumps(Explosive()), serializer="pickle"),
            "pickle cannot read it here (SystemError('boom'))",
        ),
        (entry(b"[]", serializer="compressed/json"), "compressed/json cannot read it here"),
    ],
)
def test_so_does_one_that_no_serializer_reads(store, logs, data, reason):
    store.storage.write("key", data)
    assert store.read("key") is None
    (message,) = warnings(logs)
    assert reason in message


def test_a_storage_that_fails_is_no_missing_result(store, monkeypatch):
    def fail(*_):
        raise ConnectionError("nobody answers")

    for method in ("read", "write", "exists", "delete", "acquire"):
        monkeypatch.setattr(store.storage, method, fail)
    for use in (
        lambda: store.read("key"),
        lambda: store.write("key", 1),
        lambda: store.exists("key"),
        lambda: store.delete("key"),
        lambda: store.lock("key"),
    ):
        with pytest.raises(ConnectionError):
            use()


def test_the_lock_is_the_storages(store, still):
    with store.lock("key"):
        store.write("key", 1)
        with pytest.raises(TimeoutError):
            store.storage.acquire("key", timeout=0)
        with pytest.raises(TimeoutError):
            store.lock("key", timeout=3)
    assert sum(still.slept) == pytest.approx(3)
    store.lock("key", timeout=0).release()


def test_a_store_of_options(tmp_path):
    store = open_store(str(tmp_path), "compressed/json")
    assert repr(store) == f"ResultStore(LocalFileSystem('{tmp_path}'), 'compressed/json')"
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301
    store.write("key", [1])
    assert copy.read("key").value == [1]


def test_a_store_of_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path))
    for store in (ResultStore(), open_store(), open_store(None, None)):
        assert isinstance(store.storage, LocalFileSystem)
        assert store.storage.basepath == tmp_path / "storage"
        assert store.serializer.type == "pickle"

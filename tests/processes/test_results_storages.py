"""What every storage does, proven alike on a folder, in memory, on an S3 server and on PostgreSQL."""

import logging
import os
import pickle
import signal
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import S3Store
from storage_peers import MEGABYTES, hold, hold_with_child, increment, peer, read_in_child, write_for_ever
from storage_servers import postgres_programs, postgres_server, s3_server

from millstream import _stopping
from millstream.exceptions import RunInterrupted
from millstream.filesystems import InMemoryStorage, LocalFileSystem, ObjectStorage, PostgresStorage

SHARED = ["local", "s3", "postgres"]
LEASE = 1.5


@pytest.fixture(scope="session")
def s3_options():
    with s3_server("bucket") as options:
        yield options


@pytest.fixture(scope="session")
def dsn():
    programs = postgres_programs()
    if programs is None:
        pytest.skip("the programs of PostgreSQL's server are not installed (apt-get install postgresql)")
    with postgres_server(programs) as dsn:
        yield dsn


@pytest.fixture
def local(tmp_path):
    return LocalFileSystem(tmp_path / "storage")


@pytest.fixture
def memory():
    return InMemoryStorage()


@pytest.fixture
def s3(s3_options):
    return ObjectStorage(f"s3://bucket/{uuid.uuid4()}", lock_lease=LEASE, **s3_options)


@pytest.fixture
def postgres(dsn):
    return PostgresStorage(dsn, f"results_{uuid.uuid4().hex}")


@pytest.fixture(params=["memory", *SHARED])
def storage(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=SHARED)
def shared(request):
    """A storage that other processes reach."""
    return request.getfixturevalue(request.param)


def test_what_was_written_is_read(storage):
    storage.write("key", b"\x00value\xff")
    assert storage.read("key") == b"\x00value\xff"
    assert storage.exists("key")


def test_nothing_is_there_before(storage):
    assert not storage.exists("a/key")
    with pytest.raises(KeyError, match="a/key"):
        storage.read("a/key")


def test_the_last_write_counts(storage):
    storage.write("key", b"a longer first value")
    storage.write("key", b"")
    assert storage.read("key") == b""
    assert storage.exists("key")


def test_delete(storage):
    storage.write("key", b"value")
    storage.write("other", b"stays")
    storage.delete("key")
    storage.delete("key")
    assert not storage.exists("key")
    with pytest.raises(KeyError):
        storage.read("key")
    assert storage.read("other") == b"stays"


ODD = [
    "a/b/c",
    "a b",
    "a%20b",
    "a%2520b",
    "%2E",
    "ä/ö/日本",
    "?x=1&y=[2]#z",
    "C:\\x\\y",
    "..a",
    ".locks",
    ".incomplete/x",
    "...",
    "~",
    "+ ",
    "*'\"<>|`$;{}^",
    "line\nbreak\0nul\ttab",
    "n" * 1000,
    "n" * 999 + "m",
    "日" * 300,
]


def test_odd_keys_are_all_different_keys(storage):
    for key in ODD:
        storage.write(key, key.encode())
    for key in ODD:
        assert storage.read(key) == key.encode()
    for key in ODD:
        storage.delete(key)
        assert not storage.exists(key)


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "..", "a/../b", "../b", "a/..", ".", "./a", "a//b", "a/"]
)
def test_keys_that_could_lead_elsewhere_are_refused(storage, key):
    for use in (
        lambda: storage.read(key),
        lambda: storage.write(key, b""),
        lambda: storage.exists(key),
        lambda: storage.delete(key),
        lambda: storage.acquire(key),
    ):
        with pytest.raises(ValueError, match="is no key of a storage"):
            use()


def test_big_values(storage):
    value = bytes(range(250)) * (MEGABYTES // 250)
    storage.write("big", value)
    assert storage.read("big") == value


def test_readers_see_whole_values_only(storage):
    """One writer and one reader at the same time."""
    values = [letter * 300_000 for letter in (b"a", b"b")]
    storage.write("key", values[0])
    with ThreadPoolExecutor(1) as writer:
        done = writer.submit(lambda: [storage.write("key", value) for value in values * 10])
        while not done.done():
            assert storage.read("key") in values
        done.result()


def test_a_killed_writer_leaves_no_half_value(shared):
    with peer(write_for_ever, shared, "key") as writer:
        writer.hear()  # one value is written, and the next one begun
        writer.kill()
    assert shared.read("key") in (b"a" * MEGABYTES, b"b" * MEGABYTES)
    shared.write("key", b"and goes on")
    assert shared.read("key") == b"and goes on"


def test_pickling(shared):
    shared.write("key", b"value")
    copy = pickle.loads(pickle.dumps(shared))  # noqa: S301
    assert copy.read("key") == b"value"
    assert repr(copy) == repr(shared)


def test_a_storage_in_memory_refuses_to_be_copied(memory):
    with pytest.raises(TypeError, match="use a LocalFileSystem"):
        pickle.dumps(memory)


def test_a_lock_excludes_until_it_is_released(storage):
    with storage.acquire("key", timeout=0):
        with pytest.raises(TimeoutError, match="'key' is still held"):
            storage.acquire("key", timeout=0)
        with storage.acquire("other", timeout=0):
            pass
    for _ in range(10):
        storage.acquire("key", timeout=0).release()


def test_a_second_release_does_nothing(storage):
    lock = storage.acquire("key", timeout=0)
    lock.release()
    with storage.acquire("key", timeout=0):
        lock.release()
        with pytest.raises(TimeoutError):
            storage.acquire("key", timeout=0)


def test_a_lock_has_nothing_to_do_with_the_value(storage):
    with storage.acquire("key", timeout=0):
        assert not storage.exists("key")
        storage.write("key", b"value")
    assert storage.read("key") == b"value"


def test_a_lock_is_released_when_the_block_fails(storage):
    with pytest.raises(ZeroDivisionError), storage.acquire("key", timeout=0):
        1 / 0  # noqa: B018
    storage.acquire("key", timeout=0).release()


def test_the_wait_for_a_lock_ends(storage, still):
    with storage.acquire("key"):
        with pytest.raises(TimeoutError, match=r"'key' is still held by another run after 1 s"):
            storage.acquire("key", timeout=1)
        assert sum(still.slept) == pytest.approx(1)


def test_the_wait_for_a_lock_ends_with_its_release(storage, still):
    first = storage.acquire("key")
    still.while_asleep = first.release
    with storage.acquire("key", timeout=None):
        assert still.slept


def test_the_wait_for_a_lock_ends_when_the_process_is_to_stop(storage, monkeypatch):
    monkeypatch.setattr(_stopping, "stopped", True)
    with storage.acquire("key"), pytest.raises(RunInterrupted, match="wait for the lock 'key' was given up"):
        storage.acquire("key")
    storage.acquire("key").release()


def test_threads_exclude_each_other(storage):
    inside = threading.Semaphore(1)

    def use(_):
        with storage.acquire("key", timeout=60):
            assert inside.acquire(blocking=False)
            inside.release()

    with ThreadPoolExecutor(3) as threads:
        assert len(list(threads.map(use, range(6)))) == 6


def test_processes_exclude_each_other(shared):
    shared.write("key", b"0")
    with peer(increment, shared, "key", 5) as first, peer(increment, shared, "key", 5) as second:
        assert (first.hear(), second.hear()) == ("done", "done")
    assert shared.read("key") == b"10"


def test_a_lock_is_free_when_its_holder_was_killed(shared):
    with peer(hold, shared, "key") as holder:
        assert holder.hear() == "held"
        with pytest.raises(TimeoutError):
            shared.acquire("key", timeout=0)
        holder.kill()
    shared.acquire("key", timeout=30).release()


@pytest.mark.parametrize("kind", ["local", "postgres"])
def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(request, kind):
    storage = request.getfixturevalue(kind)
    with peer(hold_with_child, storage, "key") as holder:
        child = holder.hear()
        try:
            with pytest.raises(TimeoutError):
                storage.acquire("key", timeout=0)
            holder.kill()
            storage.acquire("key", timeout=30).release()
            os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_living_holder_keeps_a_lock_in_a_bucket_past_its_lease(s3):
    with s3.acquire("key"), pytest.raises(TimeoutError):
        s3.acquire("key", timeout=LEASE * 1.3)


def test_an_expired_lock_in_a_bucket_is_taken_over_once(s3, still, logs):
    late = s3.acquire("key", timeout=0)
    still.now += LEASE
    with s3.acquire("key", timeout=0):
        late.release()
        with pytest.raises(TimeoutError):
            s3.acquire("key", timeout=0)
    assert not logs.records


@pytest.mark.parametrize("expired", [False, True])
def test_of_two_who_see_a_free_lock_in_a_bucket_one_gets_it(s3, still, monkeypatch, expired):
    """The second looks and writes between the look and the write of the first."""
    if expired:
        s3.acquire("key").release()
    put = S3Store.put
    second = []

    def put_after_another(*args, **kwargs):
        monkeypatch.undo()
        second.append(s3.acquire("key", timeout=0))
        return put(*args, **kwargs)

    monkeypatch.setattr(S3Store, "put", put_after_another)
    with pytest.raises(TimeoutError):
        s3.acquire("key", timeout=0)
    with second[0], pytest.raises(TimeoutError):
        s3.acquire("key", timeout=1)
    assert still.slept


def test_a_holder_says_that_it_lost_its_lock_in_a_bucket(s3_options, still, logs):
    s3 = ObjectStorage(f"s3://bucket/{uuid.uuid4()}", lock_lease=0.3, **s3_options)
    with s3.acquire("key") as late:
        still.now += 1
        ObjectStorage(s3._url, **s3_options).acquire("key", timeout=0)
        late._renewing.join(timeout=30)
    assert [record.levelno for record in logs.records] == [logging.ERROR]
    assert ".locks/key was lost" in logs.text


def test_a_holder_tries_again_to_renew_and_says_when_it_cannot_release(s3_options, logs, monkeypatch):
    s3 = ObjectStorage(f"s3://bucket/{uuid.uuid4()}", lock_lease=0.3, **s3_options)
    failed = threading.Semaphore(0)

    def fail(*_, **__):
        failed.release()
        raise BaseError("nobody answers")

    with s3.acquire("key"):
        monkeypatch.setattr(S3Store, "put", fail)
        for _ in range(2):
            assert failed.acquire(timeout=30)
    assert "could not be renewed, will try again: nobody answers" in logs.messages[0]
    assert "could not be released, and is free in 0.3 s: nobody answers" in logs.messages[-1]
    monkeypatch.undo()
    s3.acquire("key", timeout=30).release()


def test_a_write_whose_answer_got_lost_still_gives_the_lock(s3, monkeypatch):
    put = S3Store.put

    def put_and_lose(*args, **kwargs):
        monkeypatch.undo()
        put(*args, **kwargs)
        raise PreconditionError("what a retry of the same write gets")

    monkeypatch.setattr(S3Store, "put", put_and_lose)
    with s3.acquire("key", timeout=1), pytest.raises(TimeoutError):
        s3.acquire("key", timeout=0)


def test_a_bucket_that_cannot_be_reached_raises():
    nowhere = ObjectStorage(
        "s3://bucket/x",
        endpoint="http://127.0.0.1:1",
        access_key_id="nobody",
        secret_access_key="not-shown",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    for use in (lambda: nowhere.read("key"), lambda: nowhere.exists("key"), lambda: nowhere.acquire("key")):
        with pytest.raises(BaseError) as raised:
            use()
        assert "not-shown" not in str(raised.value)


def test_a_database_that_cannot_be_reached_raises(tmp_path):
    nowhere = PostgresStorage(f"postgresql://me:not-shown@/x?host={tmp_path}")
    for use in (lambda: nowhere.read("key"), lambda: nowhere.acquire("key")):
        with pytest.raises(psycopg.OperationalError) as raised:
            use()
        assert "not-shown" not in str(raised.value)


def test_a_lost_connection_to_the_database_is_made_again(postgres, dsn):
    postgres.write("key", b"value")
    lock = postgres.acquire("key")
    with psycopg.connect(dsn, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        assert ended.rowcount >= 2
    assert postgres.read("key") == b"value"
    lock.release()
    postgres.acquire("key", timeout=30).release()


def test_what_the_database_refuses_is_raised(postgres):
    postgres.write("key", b"value")
    postgres._connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(psycopg.Error, match="read-only"):
        postgres.write("key", b"other")
    postgres._connection.execute("SET statement_timeout = 1")
    with pytest.raises(psycopg.OperationalError, match="statement timeout"):
        postgres._run("SELECT pg_sleep(60) -- {}")
    assert not postgres._connection.closed


def test_many_make_the_table_at_once(dsn):
    for _ in range(3):
        table = f"results_{uuid.uuid4().hex}"
        start = threading.Barrier(6)

        def write(number, table=table, start=start):
            storage = PostgresStorage(dsn, table)
            start.wait()
            storage.write(str(number), b"")

        with ThreadPoolExecutor(6) as threads:
            assert len(list(threads.map(write, range(6)))) == 6


def test_a_table_in_a_schema_that_others_own(dsn):
    schema = f"s{uuid.uuid4().hex}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
        PostgresStorage(dsn, f"{schema}.results").write("key", b"value")
        admin.execute(f"CREATE ROLE {schema} LOGIN")
        admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
        admin.execute(f"GRANT SELECT ON {schema}.results TO {schema}")
    guest = PostgresStorage(dsn.replace("millstream@", f"{schema}@"), f"{schema}.results")
    assert guest.read("key") == b"value"


def test_a_forked_child_has_a_connection_of_its_own(postgres):
    with peer(read_in_child, postgres, "key") as other:
        assert other.hear() == b"value"  # the child's
        assert other.hear() == b"value"  # the parent's, after the child ended


def test_addresses_are_for_others_and_have_no_credentials(tmp_path, dsn):
    assert LocalFileSystem(tmp_path).address == tmp_path.as_uri()
    assert ObjectStorage("s3://bucket/folder", access_key_id="a", secret_access_key="b").address == (
        "s3://bucket/folder"
    )
    assert InMemoryStorage().address is None
    url = "postgresql://me:hidden@db.example.com:5433/flows?application_name=x"
    address = PostgresStorage(url).address
    assert address == "postgresql:///flows?host=db.example.com&port=5433"
    assert PostgresStorage("host=db password=hidden user=me").address == "postgresql:///?host=db"
    assert PostgresStorage(url, "flows.results").address is None
    PostgresStorage(dsn).write("k", b"v")
    found = PostgresStorage(dsn).address.replace("postgresql://", "postgresql://millstream@", 1)
    assert PostgresStorage(found).read("k") == b"v"

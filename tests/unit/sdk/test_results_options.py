"""Which storage an option names, and what of it is shown."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from millstream import task
from millstream.filesystems import (
    InMemoryStorage,
    LocalFileSystem,
    ObjectStorage,
    PostgresStorage,
    check_storage,
    storage_of,
)

SECRET = "tell-nobody"


def test_a_storage_is_taken_as_it_is():
    storage = InMemoryStorage()
    assert storage_of(storage) is storage


def test_nothing_is_the_default_folder():
    assert storage_of(None).basepath == LocalFileSystem().basepath


@pytest.mark.parametrize(
    "option", ["/data/x y", Path("/data/x y"), "file:///data/x%20y", "file://localhost/data/x%20y"]
)
def test_folders(option):
    assert storage_of(option).basepath == Path("/data/x y")


@pytest.mark.parametrize(
    "option", ["results", "./s3-bucket/mine", "a/b/c", "data.d/x", Path("s3-bucket/mine")]
)
def test_folders_below_this_one(option):
    assert storage_of(option).basepath == Path(option).absolute()


def test_names_of_blocks_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"write s3://bucket/folder, or \./s3-bucket/mine for a folder"):
        storage_of("s3-bucket/mine")
    (tmp_path / "s3-bucket" / "mine").mkdir(parents=True)
    assert storage_of("s3-bucket/mine").basepath == tmp_path / "s3-bucket" / "mine"


def test_a_folder_below_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert storage_of("~/results").basepath == Path("/home/me/results")


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/a/b", "gs://bucket/x", "az://container/x"])
def test_buckets(url):
    assert repr(storage_of(url)) == f"ObjectStorage({url!r})"
    assert isinstance(storage_of(url), ObjectStorage)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_databases(scheme):
    assert isinstance(storage_of(f"{scheme}://db/flows"), PostgresStorage)


def test_other_urls_are_refused_with_what_exists():
    with pytest.raises(ValueError, match=r"begin with ftp://: use file, s3, gs, az or postgresql") as raised:
        storage_of(f"ftp://me:{SECRET}@host/x")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("option", ["", "file://host/x", "file://"])
def test_what_names_no_folder_is_refused(option):
    with pytest.raises(ValueError, match=r"empty text|names a folder of this machine"):
        storage_of(option)


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="cannot be made of int"):
        storage_of(3)


@pytest.mark.parametrize("url", ["http://bucket", "s3://", "bucket"])
def test_what_is_no_bucket_is_refused(url):
    with pytest.raises(ValueError, match=r"such as s3://bucket/folder"):
        ObjectStorage(url)


@pytest.mark.parametrize(
    "url", [f"s3://key:{SECRET}@bucket/x", f"s3://bucket?secret={SECRET}", f"az://c/x#{SECRET}"]
)
def test_a_bucket_takes_no_credentials_in_its_url(url):
    with pytest.raises(ValueError, match="as options of ObjectStorage") as raised:
        ObjectStorage(url)
    assert SECRET not in str(raised.value)


def test_options_of_a_bucket_are_not_shown_and_are_pickled():
    storage = ObjectStorage("s3://bucket", secret_access_key=SECRET, lock_lease=7)
    assert SECRET not in repr(storage)
    copy = pickle.loads(pickle.dumps(storage))  # noqa: S301
    assert copy._options == {"secret_access_key": SECRET}
    assert copy._lock_lease == 7


UNREADABLE = [
    f"postgresql://me:{SECRET}@{SECRET}@db/x",
    f"postgresql://me:{SECRET}/{SECRET}@db/x",
    f"postgresql://me:{SECRET}@db/x?{SECRET}=1",
    f"host=db password={SECRET} {SECRET}",
    f"postgresql://me:{SECRET}@db:{SECRET}/x",
    SECRET,
]


@pytest.mark.parametrize("dsn", [*UNREADABLE, f"postgresql://me:{SECRET}@db/x", f"host=db password={SECRET}"])
def test_nothing_of_a_dsn_is_shown(dsn):
    assert repr(PostgresStorage(dsn)) == "PostgresStorage(table='millstream_results')"


@pytest.mark.parametrize("dsn", UNREADABLE)
def test_an_unreadable_dsn_is_refused_without_showing_it(dsn):
    with pytest.raises(ValueError, match=r"postgresql://user:password@host") as raised:
        PostgresStorage(dsn).read("key")
    assert SECRET not in str(raised.value)
    assert raised.value.__context__ is None or SECRET not in str(raised.value.__context__)


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [("obstore", "s3://bucket", "object-storage"), ("psycopg", "postgresql://db/x", "postgres")],
)
def test_a_missing_library_says_what_to_install(monkeypatch, module, url, extra):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    storage = storage_of(url)
    for use in (
        lambda: storage.read("key"),
        lambda: storage.acquire("key"),
        lambda: check_storage(url),
        lambda: task(result_storage=storage)(lambda: 1),
    ):
        with pytest.raises(
            ImportError, match=rf"needs the library {module}: pip install 'millstream\[{extra}\]'"
        ):
            use()


def test_the_import_loads_the_standard_library_only():
    code = """
import sys
before = set(sys.modules)
import millstream.results, millstream.serializers, millstream.filesystems
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"millstream"} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("url", "options", "environment", "address"),
    [
        ("s3://b/f", {}, {}, "s3://b/f"),
        ("s3://b/f", {}, {"AWS_ENDPOINT_URL": "https://minio:9000"}, "s3://b/f?endpoint=https://minio:9000"),
        (
            "s3://b/f",
            {"endpoint": "https://u:p@a"},
            {"AWS_ENDPOINT_URL": "https://b"},
            "s3://b/f?endpoint=https://a",
        ),
        ("az://c", {}, {"AZURE_STORAGE_ACCOUNT_NAME": "team"}, "az://c?account=team"),
        ("gs://b", {}, {"AWS_ENDPOINT_URL": "https://minio:9000", "ENDPOINT": "x"}, "gs://b"),
    ],
)
def test_the_address_of_a_bucket_says_whose_it_is(monkeypatch, url, options, environment, address):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ObjectStorage(url, **options).address == address

"""What storages in folders do beyond the contract: names, permissions, crashes."""

import errno
import fcntl
import os
import stat

import pytest

from millstream.filesystems import LocalFileSystem


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def storage(tmp_path):
    return LocalFileSystem(tmp_path / "a" / "b")


def test_the_folder_is_in_millstream_home(monkeypatch, tmp_path):
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path))
    assert LocalFileSystem().basepath == tmp_path / "storage"


@pytest.mark.parametrize("home", [None, ""])
def test_which_is_in_the_home_folder_unless_set(monkeypatch, tmp_path, home):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MILLSTREAM_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("MILLSTREAM_HOME", home)
    assert LocalFileSystem().basepath == tmp_path / ".millstream" / "storage"


def test_a_relative_folder_stays_the_same_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    storage = LocalFileSystem("here")
    monkeypatch.chdir("/")
    storage.write("key", b"value")
    assert files(tmp_path) == ["here/key"]
    assert repr(storage) == f"LocalFileSystem('{tmp_path}/here')"


def test_making_a_storage_touches_nothing(storage, tmp_path):
    assert not storage.exists("key")
    with pytest.raises(KeyError):
        storage.read("key")
    storage.delete("key")
    assert list(tmp_path.iterdir()) == []


def test_plain_keys_are_the_names_of_the_files(storage):
    storage.write("reports/2026-05-01/sales_v1.json", b"")
    assert files(storage.basepath) == ["reports/2026-05-01/sales_v1.json"]


def test_only_the_user_can_read_it(storage, tmp_path):
    before = os.umask(0)
    try:
        storage.write("deep/er/key", b"value")
        with storage.acquire("deep/er/key"):
            found = list(tmp_path.rglob("*"))
            modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in found}
    finally:
        os.umask(before)
    assert len(found) == 8
    assert modes == {True: 0o700, False: 0o600}


def test_nothing_is_left_of_locks(storage):
    storage.acquire("key").release()
    assert files(storage.basepath) == []


def test_a_failed_write_leaves_the_old_value_and_no_rest(storage, monkeypatch):
    storage.write("key", b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.write("key", b"new")
    monkeypatch.undo()
    assert storage.read("key") == b"old"
    assert files(storage.basepath) == ["key"]


def test_a_key_cannot_be_the_folder_of_another(storage):
    storage.write("a/b", b"value")
    storage.write("c", b"value")
    assert not storage.exists("a")
    storage.delete("a")
    for read in ("a", "c/d"):
        with pytest.raises(KeyError):
            storage.read(read)
    for write in ("a", "c/d"):
        with pytest.raises(OSError, match=r"directory|exists"):
            storage.write(write, b"")
    assert storage.read("a/b") == storage.read("c") == b"value"
    assert files(storage.basepath) == ["a/b", "c"]


def test_a_folder_that_cannot_be_written_raises(tmp_path):
    file = tmp_path / "file"
    file.touch()
    storage = LocalFileSystem(file / "storage")
    for use in (lambda: storage.write("key", b""), lambda: storage.acquire("key")):
        with pytest.raises(OSError, match=str(file)):
            use()


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_lock_of_a_file_that_is_gone_is_none(storage, still, monkeypatch, made_anew):
    """The holder removes its file after the waiter has opened it and before the waiter locks it."""
    first = storage.acquire("key")
    flock = fcntl.flock

    def release_then_flock(*args):
        monkeypatch.undo()
        first.release()
        if made_anew:
            first._path.touch()
        flock(*args)

    monkeypatch.setattr(fcntl, "flock", release_then_flock)
    with storage.acquire("key", timeout=1), pytest.raises(TimeoutError):
        storage.acquire("key", timeout=0)
    assert still.slept[0] < 0.1


def test_a_file_system_without_locks_raises(storage, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with pytest.raises(OSError, match="No locks available"):
        storage.acquire("key")

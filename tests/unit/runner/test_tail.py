"""The last bytes of a stream."""

import pytest

from millstream.runner._relay import Tail


def tail(*chunks: bytes, size: int = 10) -> bytes:
    tail = Tail(size)
    for chunk in chunks:
        tail.append(chunk)
    return tail.content()


@pytest.mark.parametrize(
    ("chunks", "content"),
    [
        ([], b""),
        ([b"short"], b"short"),
        ([b"ab\n", b"cd\n"], b"ab\ncd\n"),
        ([b"0123456789"], b"0123456789"),
        ([b"first\nsecond\n"], b"second\n"),
        ([b"first\n", b"second\n"], b"second\n"),
        ([b"x" * 100 + b"\nlast"], b"last"),
        ([b"x"] * 100 + [b"\nlast"], b"last"),
        ([b"no line ends in here"], b""),
    ],
)
def test_content(chunks, content):
    assert tail(*chunks) == content


def test_every_split_gives_the_same():
    stream = b"one\ntwo\nthree\nfour\nfive\n"
    assert {tail(stream[:at], stream[at:]) for at in range(len(stream))} == {b"five\n"}

"""How far the longest property tests go: every day through a share, and all the way with `--hypothesis-profile=deep`."""

from hypothesis import settings

SHARES = 3


def is_deep():
    return settings.get_current_profile_name() == "deep"


def examples(number):
    return number if is_deep() else number // SHARES


def share(moments, of):
    """Give every third moment, for each of those numbered by `of` another third; all of them where it is deep."""
    return moments if is_deep() else moments[of % SHARES :: SHARES]

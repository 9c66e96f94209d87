from builders import WATCHED

from millstream_operator import watches
from millstream_operator.kinds import CONFIG_MAPS
from millstream_operator.sources import _REFLECTED, _scopes


def test_whatever_is_watched_has_one_source():
    assert sorted(kind.plural for kind in (*_REFLECTED, *watches.KINDS)) == sorted(
        {kind.plural for kind in (*WATCHED, CONFIG_MAPS)}
    )


def test_everywhere_or_where_it_is_to_serve_and_where_it_is_configured():
    assert list(_scopes((), "system")) == [(kind, None) for kind in _REFLECTED]
    served = [(kind, namespace) for kind in _REFLECTED for namespace in ("a", "b")]
    assert list(_scopes(("a", "b"), "system")) == [*served, (CONFIG_MAPS, "system")]
    assert list(_scopes(("a", "b"), "b")) == served

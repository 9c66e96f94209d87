import pytest
from builders import make_defaults

from millstream_operator.cache import Cache
from millstream_operator.defaults_log import log_defaults
from millstream_operator.kinds import CONFIG_MAPS

# What the ConfigMap says, one version after the other, and how often there is a warning.
LIVES = {
    "as it should be": ([{"image": "etl:1"}], 0),
    "a mistake": ([{"imag": "etl:1"}], 1),
    "the same for long": ([{"imag": "etl:1"}] * 3, 1),
    "another": ([{"imag": "etl:1"}, {"imgae": "etl:1"}], 2),
    "mended, and made again": ([{"imag": "etl:1"}, {"image": "etl:1"}, {"imag": "etl:1"}], 2),
}


@pytest.mark.parametrize(("versions", "warnings"), LIVES.values(), ids=LIVES)
def test_a_mistake_in_the_defaults_is_told_once(versions, warnings, caplog):
    cache = Cache()
    cache.tell(CONFIG_MAPS, log_defaults)
    for version, data in enumerate(versions, start=1):
        for _ in range(2):  # a list has it anew
            cache.put(CONFIG_MAPS, make_defaults(version=version, **data))
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == warnings
    assert all("ConfigMap millstream-defaults in namespace team cannot be read" in text for text in told)
    assert all("there is no im" in text for text in told)

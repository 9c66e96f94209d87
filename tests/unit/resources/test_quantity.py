from decimal import Decimal

import pytest

from millstream.resources.quantity import amount


@pytest.mark.parametrize(
    ("quantity", "number"),
    [(2, "2"), ("500m", "0.5"), ("4Gi", str(4 * 2**30)), ("1e3", "1000"), ("1E", "1e18"), ("-.5k", "-500")],
)
def test_gives_the_number(quantity, number):
    assert amount(quantity) == Decimal(number)


@pytest.mark.parametrize(
    "quantity",
    ["NaN", "sNaN", "Infinity", "-inf", "1e99999999", "1_000", "1 ", "1\n", "", "Gi", "٣", "1" * 65, True],
)
def test_refuses_what_is_no_quantity(quantity):
    with pytest.raises(ValueError, match="is no quantity; write"):
        amount(quantity)

"""Kubernetes quantities as numbers: 500m, 2, 4Gi, 1e3."""

import re
from decimal import Decimal, InvalidOperation

from pydantic import TypeAdapter

from millstream.resources.model import Quantity

__all__ = ["amount"]

_SCHEMA = TypeAdapter(Quantity).json_schema()
_PATTERN, _MOST_CHARACTERS = re.compile(_SCHEMA["pattern"]), _SCHEMA["maxLength"]

_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    **{letter: Decimal(10 ** (3 * power)) for power, letter in enumerate("MGTPE", 2)},
    **{f"{letter}i": Decimal(2 ** (10 * power)) for power, letter in enumerate("KMGTPE", 1)},
}


def amount(quantity: int | str) -> Decimal:
    """Give a quantity's number.

    The syntax is of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.

    Raises:
        ValueError: it is no quantity.
    """
    try:
        return _value(str(quantity))
    except ArithmeticError:
        raise ValueError(f"{quantity!r} is no quantity; write 500m, 2 or 4Gi") from None


def _value(text: str) -> Decimal:
    # Decimal alone takes NaN and Infinity, beside which no ceiling holds.
    if len(text) > _MOST_CHARACTERS or not _PATTERN.fullmatch(text):
        raise InvalidOperation
    for suffix in (text[-2:], text[-1:]):
        if suffix in _FACTORS:
            return Decimal(text[: -len(suffix)]) * _FACTORS[suffix]
    return Decimal(text) * 1  # which refuses an exponent that nothing can be calculated with

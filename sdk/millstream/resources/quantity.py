"""Kubernetes quantities as numbers: 500m, 2, 4Gi, 1e3."""

from decimal import Decimal

__all__ = ["amount"]

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
    text = str(quantity)
    for suffix in (text[-2:], text[-1:]):
        if suffix in _FACTORS:
            number, factor = text[: -len(suffix)], _FACTORS[suffix]
            break
    else:
        number, factor = text, Decimal(1)
    try:
        return Decimal(number) * factor
    except ArithmeticError:
        raise ValueError(f"{quantity!r} is no quantity; write 500m, 2 or 4Gi") from None

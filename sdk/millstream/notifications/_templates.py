"""Templates that can do nothing but make a text of what they are given, and not a long one.

Jinja's sandbox keeps them from Python's insides. It does not keep them from running for ever or from filling the
memory, so here they have no more than a message needs: values, `if`, `for`, `set`, and filters that cannot make much of
little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_round
from jinja2.sandbox import ImmutableSandboxedEnvironment

from millstream.exceptions import NotificationTemplateError

if TYPE_CHECKING:
    from jinja2.runtime import Context

_LONGEST_TEXT: Final = 20_000
_MOST_ROUNDS: Final = 10_000
_MOST_STEPS: Final = 100_000
_STEPS_OF_A_ROUND: Final = _MOST_STEPS // _MOST_ROUNDS
_CHARACTERS_OF_A_STEP: Final = 100
_MOST_BITS: Final = 256
_MOST_DIGITS: Final = 20
_STEPS: Final = "steps so far"  # no name, so that no template can set it
_COUNTED: Final = "_counted"
_PAID: Final = "_paid"
_BOUNDED: Final = "_bounded"
_STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign)
_FILTERS = (  # noqa: SIM905 - forty quotes would not help
    "abs capitalize count d default dictsort e escape first float int items join last length list lower max min "
    "reverse round sort string sum title tojson trim truncate unique upper wordcount"
).split()
_OF_TEXTS = frozenset({"capitalize", "endswith", "lower", "split", "startswith", "strip", "title", "upper"})
_METHODS: dict[type, frozenset[str]] = {str: _OF_TEXTS, dict: frozenset({"get", "items", "keys", "values"})}
_OF_TIMES = frozenset({"astimezone", "date", "isoformat", "strftime", "time", "timestamp"})


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.filters[_COUNTED] = _counted
        self.filters[_PAID] = _paid
        self.filters[_BOUNDED] = _bounded
        self.filters["join"] = _joined
        self.filters["round"] = _rounded
        self.globals = {"range": _range}

    def is_safe_callable(self, obj: Any) -> bool:
        if obj is _range or isinstance(obj, StrictUndefined):  # which says itself what is wrong
            return True
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if type(owner).__module__ == "datetime":
            return name in _OF_TIMES
        return name in _METHODS.get(type(owner), frozenset())

    def call(self, context: Context, function: Any, /, *args: Any, **options: Any) -> Any:
        _pay(context, _steps_through(getattr(function, "__self__", None)))
        return super().call(context, function, *args, **options)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (_is_number(left) and _is_number(right)):
            raise SecurityError(f"{operator} is for numbers only" if operator != "**" else "there is no **")
        return super().call_binop(context, operator, left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MOST_BITS)


def _pay(context: Context, steps: int) -> None:
    """Count what a template takes altogether, until it is too much."""
    taken = context[_STEPS]
    taken[0] += steps
    if taken[0] > _MOST_STEPS:
        raise SecurityError(
            f"it takes too long: its loops may have {_MOST_ROUNDS} rounds, fewer with much to do in each"
        )


def _steps_through(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // _CHARACTERS_OF_A_STEP
    return len(value) if isinstance(value, list | tuple | dict | range) else 0


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    """What a loop goes through."""
    for item in items:
        _pay(context, _STEPS_OF_A_ROUND)
        yield item


@pass_context
def _paid(context: Context, value: Any) -> Any:
    """What a filter takes."""
    if isinstance(value, Iterator):
        value = list(value)
    _pay(context, _steps_through(value))
    return value


@pass_context
def _bounded(context: Context, value: Any) -> Any:
    """A value that is not too big to be kept, with all that is in it."""
    size, left = 0, [value]
    while left:
        one = left.pop()
        size += len(one) if isinstance(one, str) else 1
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            left += one
        if size + len(left) > _LONGEST_TEXT or (isinstance(one, int) and not _is_number(one)):
            raise SecurityError("a value in it is too big")
        _pay(context, 1)
    return value


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if found[_MOST_ROUNDS:]:  # which has no length that is beyond a C integer
        raise SecurityError(f"a range in it has more than {_MOST_ROUNDS} numbers")
    return found


def _rounded(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > _MOST_DIGITS:
        raise SecurityError(f"round takes at most {_MOST_DIGITS} digits")
    return do_round(value, precision, method)


def _joined(values: Iterable[Any], between: str = "") -> str:
    texts = [str(value) for value in values]
    if sum(map(len, texts)) + len(texts) * len(between) > _LONGEST_TEXT:
        raise SecurityError("a value in it is too big")
    return between.join(texts)


_environment = _Environment()


def compiled(source: str, what: str) -> Template:
    """The template of a text.

    Args:
        source: The text.
        what: What to call it in messages.

    Raises:
        NotificationTemplateError: It is wrong.
    """
    try:
        tree = _environment.parse(source)
        for node in tree.find_all(nodes.Node):
            _check(node)
        for used in list(tree.find_all(nodes.Filter)):
            used.node = _through(_PAID, used.node)
        for loop in tree.find_all(nodes.For):
            loop.iter = _through(_COUNTED, loop.iter)
        for assignment in tree.find_all(nodes.Assign):
            assignment.node = _through(_BOUNDED, assignment.node)
        return Template.from_code(_environment, _environment.compile(tree), dict(_environment.globals))
    except TemplateSyntaxError as error:
        raise NotificationTemplateError(f"{what} is wrong in line {error.lineno}: {error.message}.") from None
    except (RecursionError, MemoryError, SyntaxError, ValueError) as error:
        raise NotificationTemplateError(f"{what} cannot be compiled ({type(error).__name__}).") from None


def _through(name: str, value: Any) -> nodes.Filter:
    return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)


def _check(node: nodes.Node) -> None:
    line = getattr(node, "lineno", 1)
    if isinstance(node, nodes.Stmt | nodes.Template) and not isinstance(node, _STATEMENTS):
        raise TemplateSyntaxError(f"{type(node).__name__.lower()} is not for notifications", line)
    if isinstance(node, nodes.For) and node.recursive:
        raise TemplateSyntaxError("a loop cannot be recursive", line)
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        raise TemplateSyntaxError(f"there is no filter {node.name!r}; there are {', '.join(_FILTERS)}", line)
    if isinstance(node, nodes.Filter) and node.name == "tojson" and (node.args or node.kwargs):
        raise TemplateSyntaxError("tojson takes no arguments here", line)
    if isinstance(node, nodes.Test) and node.name not in _environment.tests:
        raise TemplateSyntaxError(f"there is no test {node.name!r}", line)


def rendered(template: Template, names: dict[str, Any]) -> str:
    """The text that a template makes.

    Raises:
        NotificationTemplateError: It makes none, or reaches for what is not there for it.
    """
    try:
        return "".join(_not_too_much(template.generate({**names, _STEPS: [0]})))
    except TemplateError as error:
        raise NotificationTemplateError((error.message or type(error).__name__).rstrip(".")) from None
    except Exception as error:  # noqa: BLE001 - whatever the operations on values raise
        raise NotificationTemplateError(f"{type(error).__name__}: {error}") from None


def _not_too_much(parts: Iterable[str]) -> Iterator[str]:
    length = 0
    for part in parts:
        length += len(part)
        if length > _LONGEST_TEXT:
            raise SecurityError(f"it makes more than {_LONGEST_TEXT} characters")
        yield part

"""Finding the flow that an entrypoint names: `module.path:flow` or `path/file.py:flow`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeGuard

from millstream._callables import positional_counts
from millstream._loading import is_loading, loading
from millstream.exceptions import EntrypointError
from millstream.flows import Flow

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["full_entrypoint", "is_loading", "load_flow", "load_module", "load_schedules"]


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """Import the module or file of an entrypoint and take the flow from it.

    The folder of the file, or the working directory for a module, is put first on `sys.path`, so that local modules
    import as they do when the file is run as a script.

    Args:
        entrypoint: `module.path:flow`, or `path/file.py:flow` with a path relative to the working directory.

    Raises:
        EntrypointError: The one thing that is wrong, for people to read.
    """
    place, separator, name = entrypoint.rpartition(":")
    if not separator or not place or not name:
        raise EntrypointError(
            f"{entrypoint!r} is no entrypoint: it takes 'module.path:flow' or 'path/file.py:flow'.",
        )
    with loading():
        found = _declared(load_module(place), name, place)
        return found if isinstance(found, Flow) else _converted(found, name, place)


def load_schedules(entrypoint: str) -> list[dict[str, Any]]:
    """What a flow that is loaded says of its schedules, as `spec.schedules` of a FlowDeployment.

    Raises:
        ValueError: A FlowDeployment cannot have them.
    """
    place, _, name = entrypoint.rpartition(":")
    with loading():
        found = _declared(load_module(place), name, place)
    return [] if isinstance(found, Flow) else list(found.deployment_schedules())


def full_entrypoint(named: str) -> str:
    """The entrypoint that people mean, who may leave out the flow if there is but one in the file.

    Args:
        named: An entrypoint, or `path/file.py`.

    Raises:
        EntrypointError: The file cannot be loaded, or has no flow or several.
    """
    if not named.endswith(".py"):
        return named
    with loading():
        module = load_module(named)
    flows = _flows_in(module)
    if len(flows) == 1:
        return f"{named}:{flows[0]}"
    if not flows:
        raise EntrypointError(f"There is no flow in {named!r}: @flow makes a function one.")
    examples = ", ".join(f"{named}:{name}" for name in flows)
    raise EntrypointError(f"There are {len(flows)} flows in {named!r}. Name one of them: {examples}.")


def load_module(place: str) -> ModuleType:
    """Import a file, if it ends in `.py`, or else a module.

    Raises:
        EntrypointError: It is not there, or raised something.
    """
    return _load_file(place) if place.endswith(".py") else _load_module(place)


def _load_file(place: str) -> ModuleType:
    # Not resolved: the files of a mounted ConfigMap are links into a folder with a time in its name, which nobody
    # would know again in a traceback.
    path = Path(os.path.abspath(place))  # noqa: PTH100 - `absolute` leaves `..` in
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise EntrypointError(f"The file {place!r} {what} (looked in {Path.cwd()}).")
    _put_first_on_path(str(path.resolve().parent))  # where a script that is a link finds its local modules
    _put_first_on_path(str(path.parent))
    name = path.stem
    if name in sys.modules and not _is_of(name, path):
        name = f"millstream_entrypoint_{name}"  # a file named like a module that is in use already, as `logging.py`
    if _is_of(name, path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise EntrypointError(f"The file {place!r} cannot be loaded as Python code.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it is executed, as an import does: dataclasses and pickle look there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _import_error(error, place) from error
    return module


def _is_of(name: str, path: Path) -> bool:
    return getattr(sys.modules.get(name), "__file__", None) == str(path)


def _load_module(place: str) -> ModuleType:
    _put_first_on_path(str(Path.cwd()))
    importlib.invalidate_caches()  # the file may be younger than the first look into its folder
    try:
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{place}.".startswith(f"{error.name}."):
            raise EntrypointError(
                f"There is no module {error.name!r} (looked in {Path.cwd()} and the rest of sys.path). "
                "A file is named with its ending, as in 'path/file.py:flow'.",
            ) from None
        raise _import_error(error, place) from error


def _import_error(error: BaseException, place: str) -> EntrypointError:
    """What the code of a module raised, and where."""
    if isinstance(error, SyntaxError):
        return EntrypointError(f"{place!r} has a syntax error: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith("<frozen") and f.filename != __file__]
    where = f" at line {own[-1].lineno} of {own[-1].filename}: {own[-1].line}" if own else ""
    told = f"{place!r} could not be imported: {type(error).__name__}: {error}{where}"
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "prefect":
        told += ". Write `from millstream import` in the place of `from prefect import` (docs/prefect.md)."
    return EntrypointError(told)


def _declared(module: ModuleType, name: str, place: str) -> Any:
    """The flow of either style; one of the declarative style may be built by a function."""
    found = getattr(module, name, None)
    if isinstance(found, Flow):
        return found
    is_called = False
    declarative = sys.modules.get("millstream.v1")  # imported by nobody else than who uses it
    if declarative is not None:
        if is_called := _makes_a_flow(found, module):
            found = _made(found, name, place)
        if isinstance(found, declarative.Flow):
            return found
    flows = _flows_in(module)
    there = f"Flows in it: {', '.join(flows)}." if flows else "There is no flow in it."
    if not hasattr(module, name):
        raise EntrypointError(f"{place!r} has no {name!r}. {there}")
    kind = f"{'gives' if is_called else 'is'} a {type(found).__name__}"
    hint = " Is @flow missing on it?" if callable(found) else ""
    raise EntrypointError(f"{name!r} in {place!r} {kind}, not a flow.{hint} {there}")


def _flows_in(module: ModuleType) -> list[str]:
    """The names of the flows, and of what says that it builds one."""
    declarative = sys.modules.get("millstream.v1")
    kinds = (Flow,) if declarative is None else (Flow, declarative.Flow)
    return sorted(
        name
        for name, value in vars(module).items()
        if isinstance(value, kinds) or (_makes_a_flow(value, module) and _returns_a_flow(value))
    )


def _returns_a_flow(fn: FunctionType) -> bool:
    hint = fn.__annotations__.get("return")
    return getattr(hint, "__name__", str(hint)).rpartition(".")[2] == "Flow"


def _makes_a_flow(found: object, module: ModuleType) -> TypeGuard[FunctionType]:
    """Whether it is a function without parameters in a module of the declarative style, which may build a flow."""
    uses = any(
        str(getattr(value, "__module__", "")).startswith("millstream.v1") for value in vars(module).values()
    )
    return uses and isinstance(found, FunctionType) and positional_counts(found) == range(1)


def _made(fn: Any, name: str, place: str) -> object:
    try:
        return fn()
    except Exception as error:
        raise EntrypointError(f"{name}() in {place!r} raised {type(error).__name__}: {error}") from error


def _converted(found: Any, name: str, place: str) -> Flow[..., Any]:
    try:
        flow: Flow[..., Any] = found.to_flow()
    except ValueError as error:
        raise EntrypointError(f"{name!r} in {place!r}: {error}") from error
    return flow


def _put_first_on_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)

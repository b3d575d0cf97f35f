"""Finding methods by file name and building them from settings."""

import importlib
import json
import pkgutil
from collections.abc import Sequence
from dataclasses import fields

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.methods._method import Method
from rl_transfer.study import Named

_PACKAGE = "rl_transfer.methods"


def method_names() -> list[str]:
    """Names of all methods: the public modules of this package."""
    paths = importlib.import_module(_PACKAGE).__path__
    return sorted(module.name for module in pkgutil.iter_modules(paths) if not module.name.startswith("_"))


def method_class(name: str) -> type[Method]:
    """The method of a name.

    Raises:
        ConfigError: If there is no such method.
    """
    if name not in method_names():
        raise ConfigError(f"no method is called {name!r}; {nearest(name, method_names())}")
    module = importlib.import_module(f"{_PACKAGE}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    assert len(found) == 1, f"{module.__name__} must define one method"
    return found[0]


def build_methods(configured: Sequence[Named], algorithm: str) -> list[Method]:
    """Build and check the methods of an arm.

    Args:
        configured: Their names and settings.
        algorithm: The algorithm that they will meet.

    Raises:
        ConfigError: If a method is unknown, does not fit the algorithm, or has a wrong setting; the key starts with
            the method's place in the list.
    """
    methods = []
    for index, named in enumerate(configured):
        try:
            method = _build(named)
            if algorithm not in method.algorithms:
                raise ConfigError(
                    f"{named.name} is not defined for {algorithm}, only for {', '.join(method.algorithms)}"
                )
            method.check(algorithm)
        except ConfigError as error:
            key = ".".join(part for part in (str(index), named.name, error.key) if part)
            raise ConfigError(error.message, key=key) from error
        methods.append(method)
    _refuse_clashes(configured, methods)
    return methods


def _refuse_clashes(configured: Sequence[Named], methods: Sequence[Method]) -> None:
    """Refuse methods that decide the same, and shaped rewards beside transitions that hold the source's."""
    _refuse_frozen_pretraining(configured, methods)
    _refuse_full_minibatches(configured, methods)
    for index, method in enumerate(methods):
        name, key = configured[index].name, f"{index}.{configured[index].name}"
        for other, named in zip(methods[:index], configured, strict=False):
            if method.claims & other.claims:
                raise ConfigError(f"{named.name} decides what {name} does: remove one of them", key=key)
        for other, named in zip(methods, configured, strict=True):
            if "rewards" in method.claims and not other.needs.isdisjoint(("experience", "demonstrations")):
                what = f"the transitions that {named.name} carries hold rewards that {name} has not shaped"
                raise ConfigError(f"{what}: remove one of them", key=key)


def refuse_several_sources(configured: Sequence[Named], sources: Sequence[str]) -> None:
    """Refuse methods that take one source where there are several; those that use nothing of any may stay.

    Args:
        configured: The arm's methods.
        sources: Names of the sources that the arm uses.

    Raises:
        ConfigError: Names the method.
    """
    if len(sources) < 2:
        return
    for index, named in enumerate(configured):
        method = method_class(named.name)
        if method.needs and method.several is None:
            what = f"{named.name} takes one source, and there are {len(sources)} ({', '.join(sources)})"
            raise ConfigError(
                f"{what}: name one in the arm, as in sources: [{sources[0]}]", key=f"{index}.{named.name}"
            )


def _refuse_full_minibatches(configured: Sequence[Named], methods: Sequence[Method]) -> None:
    shares = {named.name: method.largest_share for named, method in zip(configured, methods, strict=True)}
    filling = {name: share for name, share in shares.items() if share}
    if sum(filling.values()) > 1 + 1e-9:
        said = " and ".join(f"{name} ({share:g})" for name, share in filling.items())
        index, last = max((index, named.name) for index, named in enumerate(configured) if named.name in filling)
        raise ConfigError(f"{said} can't fill more than a whole minibatch: lower one", key=f"{index}.{last}.share")


def _refuse_frozen_pretraining(configured: Sequence[Named], methods: Sequence[Method]) -> None:
    pretraining = [named.name for named, method in zip(configured, methods, strict=True) if method.pretrains]
    for index, (named, method) in enumerate(zip(configured, methods, strict=True)):
        if pretraining and method.frozen_roles:
            what = f"{pretraining[0]} would train what {named.name} freezes"
            raise ConfigError(f"{what}: freeze nothing, or remove one of them", key=f"{index}.{named.name}")


def resolve_methods(configured: Sequence[Named], algorithm: str) -> tuple[Named, ...]:
    """The methods of an arm with all their settings, defaults included: what stands for them in a run's identity.

    Raises:
        ConfigError: As :func:`build_methods`.
    """
    methods = zip(configured, build_methods(configured, algorithm), strict=True)
    return tuple(
        Named(name=named.name, settings=TypeAdapter(type(method)).dump_python(method, mode="json"))
        for named, method in methods
    )


def _build(named: Named) -> Method:
    cls = method_class(named.name)
    valid = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for setting in named.settings:
        if setting not in valid:
            raise ConfigError(f"{named.name} has no setting {setting!r}; {nearest(setting, valid)}", key=setting)
    try:
        method: Method = TypeAdapter(cls).validate_json(json.dumps(named.settings))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise ConfigError(_plain(first), key=key) from error
    return method


def _plain(error: ErrorDetails) -> str:
    """What is wrong, in plain English."""
    given = error["input"]
    if error["type"] == "literal_error" and isinstance(given, str):
        valid = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return f"{given!r} is not known; {nearest(given, valid)}"
    return f"{error['msg'].replace('Input should be', 'must be')}, not {given!r}"

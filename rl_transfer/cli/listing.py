"""The lists: pairs, methods, environments, studies."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from textwrap import fill
from typing import Any

from gymnasium import Space, spaces
from rich.console import Console
from rich.table import Table

import rl_transfer_envs
import rl_transfer_envs.wrappers
from rl_transfer.cli.lines import aligned
from rl_transfer.errors import RLTransferError
from rl_transfer.methods import method_class, method_names
from rl_transfer.study import PairConfig, StudyConfig, image_shape, load_study, shipped_names
from rl_transfer.tasks import feature_count, inspect_task, keywords

Rows = Iterator[tuple[str, ...]]

_PAIR_COLUMNS = ("pair", "learner", "sees", "does", "steps", "min")
_INDENT = "    "


def show_list(what: str) -> int:
    """Print one of the lists; returns the exit code."""
    if what == "pairs":
        return _show_pairs()
    if what == "methods":
        return _show_methods()
    lists: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
        "envs": (("name", "kind", "settings", "description"), _envs),
        "studies": (("study", "pairs", "arms", "seeds", "description"), _studies),
    }
    columns, rows = lists[what]
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows():
        table.add_row(*row)
    if table.row_count:
        Console().print(table)
    else:
        print(f"no {what}")
    return 0


def _show_pairs() -> int:
    """A block for each family; for each pair a line of what can be compared, and what it is below."""
    families: dict[str, list[tuple[str, PairConfig]]] = {}
    for name in shipped_names("pairs"):
        pair = load_study(name).pairs[0].config
        families.setdefault(pair.family or "other", []).append((name, pair))
    console = Console(highlight=False, markup=False)
    for family, pairs in sorted(families.items()):
        cells, about = zip(*(_pair_texts(name, pair) for name, pair in pairs), strict=True)
        header, *lines = aligned([_PAIR_COLUMNS, *cells])
        console.print(f"\n{family}", style="bold")
        console.print(header, style="underline", soft_wrap=True)
        for line, text in zip(lines, about, strict=True):
            console.print(line, soft_wrap=True)
            console.print(fill(text, console.width, initial_indent=_INDENT, subsequent_indent=_INDENT), style="dim")
    print("\nsees, does: numbers or image, actions (c: continuous); source -> target")
    print("steps, min: of a run on the target, on one core")
    return 0


def _pair_texts(name: str, pair: PairConfig) -> tuple[tuple[str, ...], str]:
    """A pair's cells, and what it is."""
    about = pair.description
    try:
        source, target = inspect_task(pair.source), inspect_task(pair.target)
        sees = _change(*(_space_text(facts.observation_space) for facts in (source, target)))
        does = _change(*(_space_text(facts.action_space, acts=True) for facts in (source, target)))
    except RLTransferError as error:
        sees = does = "?"
        about = f"{about} ({error})"
    minutes = "" if pair.minutes is None else f"{pair.minutes:g}"
    return (name, pair.learner.algorithm, sees, does, f"{pair.budget.target:,}", minutes), about


def _change(source: str, target: str) -> str:
    return source if source == target else f"{source} -> {target}"


def _space_text(space: Space[Any], *, acts: bool = False) -> str:
    shape = image_shape(space)
    if shape is not None:
        return "x".join(map(str, shape))
    if isinstance(space, spaces.Dict):
        return ", ".join(f"{key}: {_space_text(inner)}" for key, inner in space.spaces.items())
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return str(feature_count(space))
    return f"{feature_count(space)}{'c' if acts and isinstance(space, spaces.Box) else ''}"


def _show_methods() -> int:
    """A block for each method: what it does, what it needs, and its settings with their defaults."""
    console = Console(highlight=False, markup=False)
    for name in method_names():
        method = method_class(name)
        console.print(f"\n{name}", style="bold")
        given = method()
        values = {field.name: getattr(given, field.name) for field in fields(method)}  # type: ignore[arg-type]
        for about, text in (
            ("", _summary(method)),
            ("needs: ", ", ".join(sorted(method.needs)) or "nothing of the source"),
            *([("of several sources: ", method.several or "takes one")] if method.needs else []),
            ("for: ", ", ".join(method.algorithms)),
            ("settings: ", ", ".join(f"{setting}={_value(value)}" for setting, value in values.items()) or "none"),
        ):
            lines = fill(about + text, console.width, initial_indent=_INDENT, subsequent_indent=_INDENT)
            console.print(lines, style="" if not about else "dim")
    return 0


def _value(value: object) -> str:
    """A setting as YAML has it, or nearly so."""
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _envs() -> Rows:
    import gymnasium

    for name in rl_transfer_envs.environment_ids():
        try:
            creator = gymnasium.envs.registration.load_env_creator(str(gymnasium.spec(name).entry_point))
        except gymnasium.error.DependencyNotInstalled as error:
            yield name, "environment", "", str(error)
            continue
        yield name, "environment", _settings(creator), _summary(creator)
    for name in rl_transfer_envs.wrappers.wrapper_names():
        wrapper = rl_transfer_envs.wrappers.wrapper_class(name)
        yield name, "wrapper", _settings(wrapper), _summary(wrapper)


def _settings(creator: Callable[..., object]) -> str:
    found = keywords(creator).items()
    return ", ".join(name if p.default is p.empty else f"{name}={p.default}" for name, p in found)


def _summary(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _studies() -> Rows:
    for name in shipped_names("studies"):
        config = load_study(name).config
        seeds = ", ".join(str(look.seeds) for look in config.looks)
        yield name, _pairs_text(config), ", ".join(config.arms), seeds, config.description


def _pairs_text(config: StudyConfig) -> str:
    ladders = [f"{len(ladder.rungs)} rungs of {ladder.name}" for ladder in config.ladders]
    matrix = [f"every one of {', '.join(config.matrix)} for every other"] if config.matrix else []
    return ", ".join([*config.pairs, *ladders, *matrix])

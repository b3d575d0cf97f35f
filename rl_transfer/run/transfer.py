"""The moment of transfer: a source's knowledge, scrambled for a placebo, enters a fresh learner."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import (
    ROLES,
    Knowledge,
    KnowledgeKind,
    Networks,
    Role,
    TensorFate,
    draw_orders,
    read_knowledge,
    refuse_unmappable_fisher,
    scramble_networks,
    scramble_optimizer,
    scramble_transitions,
    translate_networks,
    translate_statistics,
    translate_transitions,
)
from rl_transfer.learner import Learner, Recipient, reading
from rl_transfer.methods import Method
from rl_transfer.store import read_spec, write_csv
from rl_transfer.tasks import SpaceMapping

# Roles that are translated together, and fewer of them where that can't be done.
_PARTS: tuple[tuple[tuple[Role, ...], ...], ...] = (
    (
        ("features", "policy_body", "policy_head", "exploration"),
        ("features", "policy_body", "policy_head"),
        ("features", "policy_body"),
    ),
    (("features", "value_body", "value_head"), ("features", "value_body")),
)
_COLUMNS = ("tensor", "role", "from_shape", "to_shape", "fate", "frozen", "why")


def kinds_needed(methods: Sequence[Method]) -> frozenset[KnowledgeKind]:
    """The kinds of knowledge that an arm's methods use."""
    return frozenset().union(*(method.needs for method in methods))


def read_source(source: Path, kinds: frozenset[KnowledgeKind], observation_space: Space[Any]) -> Knowledge:
    """What a finished source run left behind.

    Args:
        source: Its folder.
        kinds: What of it.
        observation_space: Its task's.

    Raises:
        StoreError: If a file is missing or damaged.
    """
    spec = read_spec(source)
    meaning = reading(spec.learner, observation_space)
    if spec.imported is not None and spec.imported.backbone:
        return replace(
            read_knowledge(source / "agent", kinds, algorithm=""), reading={"features": meaning.get("features", "")}
        )
    return replace(read_knowledge(source / "agent", kinds, algorithm=spec.learner.algorithm), reading=meaning)


def for_target(
    knowledge: Knowledge, learner: Learner, mapping: SpaceMapping, scrambler: np.random.Generator | None
) -> Knowledge:
    """What methods get of a source's knowledge: scrambled for a placebo, in the target's spaces.

    Args:
        knowledge: The source's.
        learner: A fresh learner.
        mapping: Between the source's spaces and the target's.
        scrambler: Scrambles the knowledge; None leaves it as it is.

    Raises:
        ConfigError: If the mapping can't be carried out on it.
    """
    initial = learner.networks()
    if scrambler is not None:
        knowledge = _scrambled(knowledge, initial, scrambler)
    return in_target_spaces(knowledge, learner, initial, mapping)


def transfer(methods: Sequence[Method], learner: Learner, knowledge: Knowledge) -> list[TensorFate]:
    """Let each method change the learner once.

    Args:
        methods: The arm's methods, in order.
        learner: A fresh learner.
        knowledge: The source's, as :func:`for_target` gives it.

    Returns:
        What became of each tensor.

    Raises:
        ConfigError: If something does not fit.
    """
    fates: list[TensorFate] = []
    for index, method in enumerate(methods):
        with _named(index, method):
            fates += method.transfer(learner, knowledge)
    return fates


def pretrain(
    methods: Sequence[Method], learner: Learner, knowledge: Knowledge, branch: Callable[[int], np.random.Generator]
) -> list[TensorFate]:
    """Let each method train the learner before its first step, once all have transferred what they transfer.

    Args:
        methods: The arm's methods, in order.
        learner: The learner.
        knowledge: As for :func:`transfer`.
        branch: A generator for the method at a place of the list.

    Returns:
        What was used for that.

    Raises:
        ConfigError: If something does not fit.
        DivergedError: If the learner diverges.
    """
    fates: list[TensorFate] = []
    for index, method in enumerate(methods):
        with _named(index, method):
            fates += method.pretrain(learner, knowledge, branch(index))
    return fates


@contextmanager
def _named(index: int, method: Method) -> Iterator[None]:
    """Errors name the method and its place."""
    try:
        yield
    except ConfigError as error:
        name = type(method).__module__.rpartition(".")[2]
        raise ConfigError(error.message, key=".".join(filter(None, (str(index), name, error.key)))) from error


def _scrambled(knowledge: Knowledge, initial: Networks, generator: np.random.Generator) -> Knowledge:
    """Running statistics stay as they are; what is known of each tensor's values goes with them."""
    networks, experience, optimizer = knowledge.networks, knowledge.experience, knowledge.optimizer
    fisher, shown = knowledge.fisher, knowledge.demonstrations
    orders = {} if networks is None else draw_orders(networks, generator)
    return replace(
        knowledge,
        networks=None if networks is None else scramble_networks(networks, initial, orders),
        optimizer=None if optimizer is None else scramble_optimizer(optimizer, orders),
        experience=None if experience is None else scramble_transitions(experience, generator),
        # Whatever a tensor of one element was, nothing else could stand for how much it matters.
        fisher=None if fisher is None else scramble_networks(fisher, fisher, orders),
        demonstrations=None if shown is None else scramble_transitions(shown, generator),
    )


def in_target_spaces(knowledge: Knowledge, learner: Recipient, initial: Networks, mapping: SpaceMapping) -> Knowledge:
    """A source's knowledge as the target would have it.

    Args:
        knowledge: The source's.
        learner: The fresh target learner.
        initial: Its networks, for what the mapping gives no value.
        mapping: Between the source's spaces and the target's.

    Raises:
        ConfigError: If the mapping can't be carried out on this knowledge.
    """
    networks, statistics, experience = knowledge.networks, knowledge.statistics, knowledge.experience
    fisher, shown = knowledge.fisher, knowledge.demonstrations
    resized: Mapping[str, tuple[int, ...]] = {}
    unmapped: dict[str, tuple[int, ...]] = {}
    misfits: Mapping[Role, str] = {}
    if networks is not None:
        normalized = () if statistics is None else tuple(statistics.observation)
        fits_whole = knowledge.algorithm in ("", learner.algorithm) or mapping.identity
        translate = _translate_whole if fits_whole else _translate_fitting
        translated, resized, misfits = translate(networks, initial, mapping, normalized)
        if fisher is not None:
            refuse_unmappable_fisher(fisher, mapping, normalized=normalized)
            # What the mapping gives no value is of no importance to the source; what it turns round stays important.
            fisher = _map(np.abs, translate(fisher, _map(np.zeros_like, initial), mapping, normalized)[0])
        unmapped = {
            f"{role}/{name}": array.shape
            for role in ROLES
            for name, array in networks[role].items()
            if name not in translated[role]
        }
        networks = translated
    return replace(
        knowledge,
        networks=networks,
        statistics=None if statistics is None else translate_statistics(statistics, mapping),
        experience=None if experience is None else translate_transitions(experience, mapping),
        demonstrations=None if shown is None else translate_transitions(shown, mapping),
        fisher=fisher,
        resized=resized,
        unmapped=unmapped,
        misfits=misfits,
        reading={role: how for role, how in knowledge.reading.items() if role != "features" or mapping.parts},
    )


_Translated = tuple[Networks, dict[str, tuple[int, ...]], dict[Role, str]]


def _map(change: Callable[[NDArray[Any]], NDArray[Any]], networks: Networks) -> Networks:
    return {role: {name: change(array) for name, array in networks[role].items()} for role in ROLES}


def _translate_whole(
    source: Networks, initial: Networks, mapping: SpaceMapping, normalized: Collection[str]
) -> _Translated:
    return *translate_networks(source, initial, mapping, normalized=normalized), {}


def _translate_fitting(
    source: Networks, initial: Networks, mapping: SpaceMapping, normalized: Collection[str]
) -> _Translated:
    """Of another algorithm's networks what can be translated; the rest stays as it is.

    Returns:
        The networks, the shapes of what was resized, and why the roles that were not translated can't be carried.

    Raises:
        ConfigError: If actions are to be scaled: what that means differs between algorithms.
    """
    if any(abs(scale) != 1 for scale in mapping.actions.scale):
        raise ConfigError("between algorithms actions can be turned round but not scaled", key="mapping.action")
    found: dict[Role, Mapping[str, NDArray[Any]]] = {role: source[role] for role in ROLES}
    resized: dict[str, tuple[int, ...]] = {}
    misfits: dict[Role, str] = {}
    for parts in _PARTS:
        problem = ""
        for roles in parts:
            try:
                made, shapes = translate_networks(
                    _only(roles, source), _only(roles, initial), mapping, normalized=normalized
                )
            except ConfigError as error:
                problem = problem or error.message
                continue  # fewer of its roles may do
            found |= {role: made[role] for role in roles}
            resized |= shapes
            break
        else:
            roles = ()
        misfits |= {role: problem for role in parts[0] if role not in roles and role != "features" and source[role]}
    return found, resized, misfits


def _only(roles: Collection[Role], networks: Networks) -> Networks:
    return {role: networks[role] if role in roles else {} for role in ROLES}


def write_fates(path: Path, fates: Iterable[TensorFate]) -> None:
    """Write the transfer table."""
    write_csv(path, _COLUMNS, map(_row, fates))


def print_fates(fates: Iterable[TensorFate]) -> None:
    """Print the transfer table, into the run's log."""
    rows = [_COLUMNS, *map(_row, fates)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(fate: TensorFate) -> tuple[str, ...]:
    shapes = ("" if shape is None else "x".join(map(str, shape)) for shape in (fate.from_shape, fate.to_shape))
    return (fate.tensor, fate.role, *shapes, fate.fate, fate.frozen, fate.why)

"""The moment of transfer: a source's knowledge, scrambled for a placebo, enters a fresh learner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rl_transfer.knowledge import (
    Knowledge,
    KnowledgeKind,
    Networks,
    TensorFate,
    draw_orders,
    read_knowledge,
    scramble_networks,
    scramble_optimizer,
    scramble_transitions,
    translate_networks,
    translate_statistics,
    translate_transitions,
)
from rl_transfer.learner import Learner
from rl_transfer.methods import Method
from rl_transfer.store import read_spec, write_csv
from rl_transfer.tasks import SpaceMapping

_COLUMNS = ("tensor", "role", "from_shape", "to_shape", "fate", "frozen", "why")


def transfer(
    methods: Sequence[Method],
    learner: Learner,
    source: Path,
    mapping: SpaceMapping,
    scrambler: np.random.Generator | None,
) -> list[TensorFate]:
    """Let each method change the learner once, from the knowledge in a source's run folder.

    Args:
        methods: The arm's methods, in order.
        learner: A fresh learner.
        source: Folder of the finished source run.
        mapping: Between the source's spaces and the target's.
        scrambler: Scrambles the knowledge, for a placebo; None leaves it as it is.

    Returns:
        What became of each tensor.

    Raises:
        ConfigError: If something does not fit.
    """
    kinds: frozenset[KnowledgeKind] = frozenset().union(*(method.needs for method in methods))
    knowledge = read_knowledge(source / "agent", kinds, algorithm=read_spec(source).learner.algorithm)
    initial = learner.networks()
    if scrambler is not None:
        knowledge = _scrambled(knowledge, initial, scrambler)
    knowledge = in_target_spaces(knowledge, initial, mapping)
    return [fate for method in methods for fate in method.transfer(learner, knowledge)]


def _scrambled(knowledge: Knowledge, initial: Networks, generator: np.random.Generator) -> Knowledge:
    """Running statistics stay as they are; what the optimizer keeps goes with its tensors."""
    networks, experience, optimizer = knowledge.networks, knowledge.experience, knowledge.optimizer
    orders = {} if networks is None else draw_orders(networks, generator)
    return replace(
        knowledge,
        networks=None if networks is None else scramble_networks(networks, initial, orders),
        optimizer=None if optimizer is None else scramble_optimizer(optimizer, orders),
        experience=None if experience is None else scramble_transitions(experience, generator),
    )


def in_target_spaces(knowledge: Knowledge, initial: Networks, mapping: SpaceMapping) -> Knowledge:
    """A source's knowledge as the target would have it.

    Args:
        knowledge: The source's.
        initial: The fresh target learner's networks, for what the mapping gives no value.
        mapping: Between the source's spaces and the target's.

    Raises:
        ConfigError: If the mapping can't be carried out on this knowledge.
    """
    networks, statistics, experience = knowledge.networks, knowledge.statistics, knowledge.experience
    resized: Mapping[str, tuple[int, ...]] = {}
    if networks is not None:
        normalized = () if statistics is None else tuple(statistics.observation)
        networks, resized = translate_networks(networks, initial, mapping, normalized=normalized)
    return replace(
        knowledge,
        networks=networks,
        statistics=None if statistics is None else translate_statistics(statistics, mapping),
        experience=None if experience is None else translate_transitions(experience, mapping),
        resized=resized,
    )


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

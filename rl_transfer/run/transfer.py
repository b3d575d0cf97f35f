"""The moment of transfer: a source's knowledge, scrambled for a placebo, enters a fresh learner."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rl_transfer.knowledge import (
    Knowledge,
    KnowledgeKind,
    Networks,
    TensorFate,
    read_knowledge,
    scramble_networks,
    scramble_transitions,
)
from rl_transfer.learner import Learner
from rl_transfer.methods import Method
from rl_transfer.store import write_csv

_COLUMNS = ("tensor", "role", "from_shape", "to_shape", "fate", "frozen", "why")


def transfer(
    methods: Sequence[Method], learner: Learner, source: Path, scrambler: np.random.Generator | None
) -> list[TensorFate]:
    """Let each method change the learner once, from the knowledge in a source's run folder.

    Args:
        methods: The arm's methods, in order.
        learner: A fresh learner.
        source: Folder of the finished source run.
        scrambler: Scrambles the knowledge, for a placebo; None leaves it as it is.

    Returns:
        What became of each tensor.
    """
    kinds: frozenset[KnowledgeKind] = frozenset().union(*(method.needs for method in methods))
    knowledge = read_knowledge(source / "agent", kinds)
    if scrambler is not None:
        knowledge = _scrambled(knowledge, learner.networks(), scrambler)
    return [fate for method in methods for fate in method.transfer(learner, knowledge)]


def _scrambled(knowledge: Knowledge, initial: Networks, generator: np.random.Generator) -> Knowledge:
    networks, experience = knowledge.networks, knowledge.experience
    return Knowledge(
        networks=None if networks is None else scramble_networks(networks, initial, generator),
        experience=None if experience is None else scramble_transitions(experience, generator),
    )


def write_fates(path: Path, fates: Sequence[TensorFate]) -> None:
    """Write the transfer table."""
    write_csv(path, _COLUMNS, map(_row, fates))


def _row(fate: TensorFate) -> tuple[object, ...]:
    shapes = ("" if shape is None else "x".join(map(str, shape)) for shape in (fate.from_shape, fate.to_shape))
    return (fate.tensor, fate.role, *shapes, fate.fate, "yes" if fate.frozen else "no", fate.why)

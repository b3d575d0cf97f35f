"""Replay: start with the source's transitions in the target's buffer."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, TensorFate
from rl_transfer.learner import Learner
from rl_transfer.methods._method import Method
from rl_transfer.study import OFF_POLICY


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Replay(Method):
    """Prefills the target's replay buffer with the source's newest transitions.

    They are sampled like the target's own and overwritten first (sample transfer: Lazaric, Restelli and Bonarini,
    ICML 2008; in deep reinforcement learning as by Vecerik et al. 2017, without the demonstrations' priority). Rewards
    and dynamics are the source's, so where the tasks differ the buffer tells the learner something wrong.

    Attributes:
        transitions: How many, at most; 0 is learning from scratch.
    """

    transitions: Annotated[int, Field(ge=0)] = 10_000

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"experience"})
    algorithms: ClassVar[tuple[str, ...]] = OFF_POLICY

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Put the transitions into the buffer.

        Returns:
            One row: how many there were, and how many the buffer took.

        Raises:
            ConfigError: If observations or actions have other shapes than the target's.
        """
        assert knowledge.experience is not None
        found, newest = len(knowledge.experience), knowledge.experience.newest(self.transitions)
        added = learner.add_experience(newest)
        return (_fate(asked_for=self.transitions, found=found, left_out=len(newest) - added, added=added),)


def _fate(*, asked_for: int, found: int, left_out: int, added: int) -> TensorFate:
    why = f"{asked_for} newest asked for, {found} found"
    if left_out:
        why += f", {left_out} left out: the buffer took {added} (whole rows of one per environment, up to its size)"
    return TensorFate(
        tensor="transitions",
        role="experience",
        from_shape=(found,),
        to_shape=(added,),
        fate="copied" if added else "dropped" if asked_for else "reinitialised",
        frozen="no",
        why=why,
    )

"""Updates of a Stable-Baselines3 model on transitions that are given, before it has taken a step."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq

from rl_transfer.learner.sb3.regime import optimizers

COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_current_progress_remaining",
    "exploration_rate",
    "_n_calls",
)
"""What a model counts of its training, or follows from such counts."""


def train_on(model: OffPolicyAlgorithm, buffer: ReplayBuffer, gradient_steps: int) -> None:
    """Make the model's own updates on a buffer's transitions, in the rhythm in which it would alternate with steps.

    Target networks follow as they would then. Afterwards parameters, target networks and running statistics of layers
    are what was learned; optimizers, counters and the replay buffer are as before.

    Args:
        model: A model that has not trained yet; global generators draw the minibatches.
        buffer: A full buffer.
        gradient_steps: How many updates.
    """
    assert isinstance(model.train_freq, TrainFreq)
    vector_steps = model.train_freq.frequency
    per_rollout = max(model.gradient_steps if model.gradient_steps >= 0 else vector_steps * model.n_envs, 1)
    with _everything_else_kept(model, buffer):
        for done in range(0, gradient_steps, per_rollout):
            for _ in range(vector_steps):
                model._on_step()  # where value learners update their target network
            model.train(min(per_rollout, gradient_steps - done), model.batch_size)


@contextmanager
def _everything_else_kept(model: OffPolicyAlgorithm, buffer: ReplayBuffer) -> Iterator[None]:
    own = model.replay_buffer
    counters = {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)}
    memories = [(optimizer, deepcopy(optimizer.state_dict())) for optimizer in optimizers(model)]
    model.replay_buffer = buffer
    try:
        yield
    finally:
        model.replay_buffer = own
        for name, value in counters.items():
            setattr(model, name, value)
        for optimizer, memory in memories:
            optimizer.zero_grad()
            optimizer.load_state_dict(memory)

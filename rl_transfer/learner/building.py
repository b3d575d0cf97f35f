"""From configurations to learners, and from learners to files: where the engine is chosen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rl_transfer.learner.interface import EnvFactory, Learner
from rl_transfer.study import LearnerConfig
from rl_transfer.tasks import Meter

ActorFormat = Literal["onnx", "torch"]


def build_learner(
    config: LearnerConfig,
    environments: Sequence[EnvFactory],
    meter: Meter,
    *,
    seed: int,
    device: str = "cpu",
    log_folder: Path | None = None,
) -> Learner:
    """Make a learner with freshly initialised networks.

    Args:
        config: Algorithm, architecture and hyperparameters.
        environments: One factory for each training environment.
        meter: Counts the environments' steps.
        seed: Seed of the initial networks.
        device: Torch device.
        log_folder: Folder for TensorBoard events; None for none.
    """
    from rl_transfer.learner.sb3.engine import SB3Learner

    return SB3Learner(config, environments, meter, seed=seed, device=device, log_folder=log_folder)


def actor_file(learner: Learner, form: ActorFormat, facts: Mapping[str, str]) -> bytes:
    """The deterministic actor as the content of a file that needs neither this project nor its libraries.

    It takes a batch of observations as the environment gives them, and gives actions as the environment takes them;
    what normalises observations is inside. The batch may have any size.

    - ``onnx``: its input is ``observation``, or ``observation/KEY`` for every key of a Dict; its output is ``action``.
    - ``torch``: ``torch.export.load(file).module()`` is a function of a tensor, or of a dict of tensors.

    Args:
        learner: What to make it of.
        form: The kind of file.
        facts: Kept inside: as ONNX's metadata, or as the extra file ``facts.json`` of torch's; ``normalised`` is added.

    Raises:
        ConfigError: If a package is missing.
    """
    from rl_transfer.learner.sb3.engine import SB3Learner
    from rl_transfer.learner.sb3.export import write_actor

    assert isinstance(learner, SB3Learner)
    return write_actor(learner, form, facts)

"""A user's own Stable-Baselines3 model: as one that knowledge is carried into, and as one that it comes from."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.knowledge import Knowledge, read_agent_file, read_statistics_file
from rl_transfer.learner.requirements import LOSS_PATHS
from rl_transfer.learner.sb3 import networks, normalization, optimizer_state
from rl_transfer.learner.sb3.recipient import SB3Recipient


def recipient(model: BaseAlgorithm) -> SB3Recipient:
    """A model that knowledge can be carried into.

    Raises:
        ConfigError: If no roles are known for its algorithm.
    """
    _known(model)
    return SB3Recipient(model, model.get_vec_normalize_env())


@contextmanager
def unchanged_on_error(model: BaseAlgorithm) -> Iterator[None]:
    """A context that puts a model's tensors, optimizers and statistics back if something in it fails."""
    parameters: Any = deepcopy(model.get_parameters())
    variables, normalizer = networks.extra_variables(model), model.get_vec_normalize_env()
    statistics = None if normalizer is None else normalization.copy_out(normalizer)
    try:
        yield
    except BaseException:
        model.set_parameters(parameters, exact_match=True, device=model.device)
        networks.load_extra_variables(model, variables)
        if normalizer is not None and statistics is not None:
            normalization.copy_in(normalizer, statistics)
        raise


def model_knowledge(model: BaseAlgorithm) -> Knowledge:
    """What a model knows.

    Raises:
        ConfigError: If no roles are known for its algorithm.
    """
    normalizer = model.get_vec_normalize_env()
    return Knowledge(
        algorithm=_known(model),
        networks=networks.copy_out(model),
        statistics=None if normalizer is None else normalization.copy_out(normalizer),
        optimizer=optimizer_state.copy_out(model),
        reading=networks.reading(model) | {"optimizer": optimizer_state.kind(model)},
    )


def file_knowledge(path: Path, algorithm: str, statistics: Path | None) -> Knowledge:
    """What a file that Stable-Baselines3 wrote holds; nothing in it is executed.

    Args:
        path: The zip.
        algorithm: Lower-case name of the algorithm.
        statistics: The pickle of a VecNormalize, where the agent had one.

    Raises:
        ConfigError: If a file can't be read safely, or is no agent of this algorithm.
    """
    if algorithm not in LOSS_PATHS:
        raise ConfigError(f"no roles are known for {algorithm!r}; {nearest(algorithm, LOSS_PATHS)}", file=path)
    found = read_agent_file(path)
    try:
        tensors = networks.sort_by_role(algorithm, found.policy, found.variables)
    except KeyError as error:
        raise ConfigError(f"is no {algorithm} agent of a layout known here: {error.args[0]}", file=path) from error
    running = None if statistics is None else read_statistics_file(statistics).statistics
    return Knowledge(algorithm=algorithm, networks=networks.as_arrays(tensors), statistics=running)


def _known(model: BaseAlgorithm) -> str:
    algorithm = networks.algorithm_name(model)
    if algorithm not in LOSS_PATHS:
        raise ConfigError(f"no roles are known for {type(model).__name__}; known: {', '.join(LOSS_PATHS)}")
    return algorithm

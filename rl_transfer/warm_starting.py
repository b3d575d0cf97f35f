"""Starting one's own Stable-Baselines3 model from another, without a study."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.spaces import Dict
from pydantic import ValidationError

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, TensorFate
from rl_transfer.learner import Recipient
from rl_transfer.methods import build_methods
from rl_transfer.methods.fine_tune import FineTune
from rl_transfer.run.transfer import in_target_spaces, print_fates, read_source
from rl_transfer.store import read_spec
from rl_transfer.study import MappingConfig, Named, image_shape
from rl_transfer.tasks import HasSpaces, inspect_task, map_spaces

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


def warm_start(
    model: "BaseAlgorithm",
    source: "BaseAlgorithm | Path | str",
    *,
    source_algorithm: str | None = None,
    source_statistics: Path | str | None = None,
    mapping: dict[str, Any] | None = None,
    verbose: bool = True,
    **settings: Any,
) -> list[TensorFate]:
    """Start a model from another agent, in place, before its ``learn``.

    Tensors are copied by role and name, never by position; target networks follow. Nothing from a file is executed:
    only tensors are read. Settings that speak of steps (``freeze_steps``, ``critic_warmup_steps``) count the model's
    own ``num_timesteps``, which ``learn`` sets back to 0 unless told otherwise. A second call adds to what the first
    one froze.

    Args:
        model: A Stable-Baselines3 or sb3-contrib model of an algorithm that rl_transfer knows.
        source: Another model, the ``.zip`` that its ``save`` wrote, or the folder of a run that rl_transfer stored.
        source_algorithm: The lower-case name of a ``.zip``'s algorithm; the model's by default.
        source_statistics: The file of the VecNormalize that belongs to a ``.zip``.
        mapping: Between different spaces, as in a pair's file; for a source whose spaces are known: a model or a run.
        verbose: Print the table of what became of each tensor.
        settings: Those of the method ``fine_tune``: roles, new_heads, freeze, learning_rate_scale, optimizer, ...
            ``rl-transfer list methods`` lists them.

    Returns:
        What became of each tensor.

    Raises:
        ConfigError: If a setting is wrong, the source can't be read, a tensor does not fit or is not finite, or nothing
            would be left to train; the model is unchanged then.
        StoreError: If a stored run's networks can't be read.
    """
    from rl_transfer.learner.sb3.own_model import recipient, unchanged_on_error

    learner = recipient(model)
    method = _fine_tune(settings, learner.algorithm)
    for role in method.named_roles:
        if not learner.networks()[role]:
            raise ConfigError(f"this model has nothing in {role} to freeze or scale: leave it out", key=role)
    knowledge, spaces = _knowledge(source, source_algorithm, source_statistics, learner)
    _refuse_non_finite(knowledge)
    knowledge = _translated(knowledge, mapping, spaces, model, learner)
    with unchanged_on_error(model):
        fates = list(method.transfer(learner, knowledge))
    method.attach(learner, knowledge, np.random.default_rng(0))
    if verbose:
        print_fates(fates)
    return fates


def _fine_tune(settings: dict[str, Any], algorithm: str) -> FineTune:
    """The method, with errors whose key is the setting alone."""
    try:
        named = Named(name="fine_tune", settings=json.loads(json.dumps(settings)))
        (method,) = build_methods([named], algorithm)
    except ConfigError as error:
        key = (error.key or "").removeprefix("0.fine_tune").lstrip(".")
        raise ConfigError(error.message, key=key or None) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"settings must be plain values: {error}") from error
    assert isinstance(method, FineTune)
    return method


def _knowledge(
    source: "BaseAlgorithm | Path | str", algorithm: str | None, statistics: Path | str | None, learner: Recipient
) -> tuple[Knowledge, HasSpaces | None]:
    """What the source knows, and its spaces where they are known."""
    from rl_transfer.learner.sb3.own_model import file_knowledge, model_knowledge

    if isinstance(source, Path | str) and not Path(source).is_dir():
        running = None if statistics is None else Path(statistics)
        return file_knowledge(Path(source), algorithm or learner.algorithm, running), None
    for name, given in (("source_algorithm", algorithm), ("source_statistics", statistics)):
        if given is not None:
            raise ConfigError("belongs to a zip: a model or a run has its own", key=name)
    if not isinstance(source, Path | str):
        return model_knowledge(source), source
    facts = inspect_task(read_spec(Path(source)).task)
    return read_source(Path(source), frozenset({"networks"}), facts.observation_space), facts


def _translated(
    knowledge: Knowledge,
    mapping: dict[str, Any] | None,
    spaces: HasSpaces | None,
    model: "BaseAlgorithm",
    learner: Recipient,
) -> Knowledge:
    """In the model's spaces; where the source's are not known, shapes alone can tell whether they fit."""
    if spaces is None:
        if mapping is None:
            return knowledge
        what = "a zip does not say its spaces: make it a source with 'rl-transfer source import' and give its folder"
        raise ConfigError(what, key="mapping")
    if mapping is None and _has_images(spaces):  # a model has them transposed, a run does not
        return knowledge
    config = None if mapping is None else _mapping(mapping)
    return in_target_spaces(knowledge, learner, learner.networks(), map_spaces(config, spaces, model))


def _mapping(mapping: dict[str, Any]) -> MappingConfig:
    try:
        return MappingConfig.model_validate(mapping)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in ("mapping", *first["loc"]) if not str(part).startswith("<"))
        raise ConfigError(first["msg"], key=key) from error


def _has_images(spaces: HasSpaces) -> bool:
    seen = spaces.observation_space
    return any(image_shape(one) is not None for one in (seen.values() if isinstance(seen, Dict) else (seen,)))


def _refuse_non_finite(knowledge: Knowledge) -> None:
    assert knowledge.networks is not None
    for role, tensors in knowledge.networks.items():
        for name, array in tensors.items():
            if not np.isfinite(array).all():
                raise ConfigError(f"the source's {role}/{name} holds NaN or infinity")

"""New pairs' files."""

from collections.abc import Sequence
from pathlib import Path

from rl_transfer.execute import (
    NewPair,
    write_pair,
)
from rl_transfer.study import (
    parse_task,
)


def new_pair(
    name: str,
    *,
    source: str,
    target: str,
    algorithm: str = "ppo",
    source_kwargs: Sequence[str] = (),
    target_kwargs: Sequence[str] = (),
    wrappers: Sequence[str] = (),
    max_episode_steps: int | None = None,
    reference: float | None = None,
    folder: str | Path = ".",
) -> Path:
    """Write a new pair's file, commented: spaces compared, hyperparameters looked up, anchors measured.

    Args:
        name: The pair's name.
        source: Gymnasium id of the source's environment.
        target: Gymnasium id of the target's.
        algorithm: The learner.
        source_kwargs: Keywords of the source's environment, as ``key=value`` texts whose values are YAML.
        target_kwargs: Keywords of the target's.
        wrappers: Wrappers of both, as a task's ``wrappers`` in YAML, one text each.
        max_episode_steps: Time limit of both, in place of the environments' own.
        reference: Return of a good agent on the target; by default the environment's ``reward_threshold``.
        folder: Where the file goes.

    Returns:
        The file, ``NAME.yaml``; an existing one is never overwritten.

    Raises:
        ConfigError: If a text can't be read, a task not be made, an environment fails while its anchors are measured,
            or nothing is known that could be the reference.
    """
    tasks = {
        about: parse_task(about, env, kwargs, wrappers, max_episode_steps)
        for about, env, kwargs in (("source", source, source_kwargs), ("target", target, target_kwargs))
    }
    return write_pair(NewPair(name, tasks["source"], tasks["target"], algorithm, reference), Path(folder))

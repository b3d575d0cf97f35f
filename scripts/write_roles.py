"""Write docs/roles.md: which tensors each role of each algorithm holds, read off freshly built learners.

``python scripts/write_roles.py`` writes the file; with ``--check`` it fails if the file is out of date.
"""

import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rl_transfer.knowledge import ROLES, Networks
from rl_transfer.learner import VALUE_LEARNERS, build_learner
from rl_transfer.study import ALGORITHMS, LEARNERS
from rl_transfer.tasks import Meter

FILE = Path(__file__).parents[1] / "docs" / "roles.md"
HEAD = """# Roles

Made from the code by `python scripts/write_roles.py`; a test fails when it is out of date.

A role is the same word for every algorithm, and every tensor of a learner has one. Methods copy, freeze and scale by
role; within a role tensors are matched by name. Networks that follow others (target networks) have no role: they are
synchronised after every load. Layers are counted as in the library's sequences, where activations count too: `0` and
`2` are two hidden layers. Each critic of an actor-critic with Q-functions is a sequence of its own (`qf0`, `qf1`).

What no tensor holds belongs to `exploration` too: for off-policy algorithms the random steps at the start of
training, and epsilon's schedule. With `use_sde: true` the log_std of PPO, A2C and SAC is one tensor, hidden units x
actions. A learner with `share_features_extractor: false` (the default of SAC, TQC, TD3, DDPG) calls its two
extractors' tensors `policy.…` and `value.…`; those below are PPO's. Flat observations have no `features`, unless the
architecture says otherwise. Dict observations have an extractor for each key: `extractors.KEY.…`.
"""


class _Task(gymnasium.Env[Any, Any]):
    """Spaces, and nothing to do in them."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space


def networks(algorithm: str, observation_space: spaces.Space[Any], **settings: Any) -> Networks:
    """The networks of a fresh learner with two hidden layers of 64 units."""
    discrete = algorithm in VALUE_LEARNERS
    actions = spaces.Discrete(2) if discrete else spaces.Box(-1.0, 1.0, (2,), np.float32)
    if LEARNERS[algorithm].off_policy:
        settings["buffer_size"] = 1
    config: Any = LEARNERS[algorithm].model_validate({"algorithm": algorithm, "net_arch": [64, 64], **settings})
    learner = build_learner(config, [lambda: _Task(observation_space, actions)], Meter(), seed=0)
    learner.close()
    return learner.networks()


def table(columns: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)]


def cell(tensors: Any) -> str:
    """Names and shapes; weights and biases of a layer in one go."""
    found = [f"`{name}` {'x'.join(map(str, array.shape)) or '1'}" for name, array in tensors.items()]
    return ", ".join(found) or "none"


def text() -> str:
    """The whole file."""
    vector = spaces.Box(-1.0, 1.0, (4,), np.float32)
    lines = [
        HEAD,
        "## By algorithm",
        "",
        "Four observations; two continuous actions, or two discrete ones for DQN and QR-DQN.",
    ]
    for algorithm in ALGORITHMS:
        made = networks(algorithm, vector)
        lines += ["", f"### {algorithm}", ""]
        lines += table(["role", "tensors"], [[role, cell(made[role])] for role in ROLES])
    lines += [
        "",
        "## Features by architecture",
        "",
        "PPO, on images of 84 x 84 (small_cnn: 10 x 10) pixels and 3 channels.",
    ]
    for name in ("nature_cnn", "small_cnn", "impala_cnn"):
        side = 10 if name == "small_cnn" else 84
        image = spaces.Box(0, 255, (side, side, 3), np.uint8)
        features = networks("ppo", image, features={"name": name})["features"]
        lines += [
            "",
            f"### {name}",
            "",
            *table(["tensor", "shape"], [[f"`{n}`", "x".join(map(str, a.shape))] for n, a in features.items()]),
        ]
    lines += [
        "",
        "`resnet` has the names of transformers' ResNetModel (`embedder.…`, `encoder.…`), running statistics included.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check."""
    made = text()
    if "--check" in arguments:
        return int(not FILE.exists() or FILE.read_text(encoding="utf-8") != made)
    FILE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Draw one picture of each family of environments into docs/images; needs the extras box2d, mujoco and minigrid.

``python scripts/draw_families.py`` needs no screen. The families of wrappers are drawn as what an agent sees or is paid
under them, along one and the same episode of the cart-pole.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")  # before anything imports mujoco

import gymnasium
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import rl_transfer_envs
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks import make

FOLDER = Path(__file__).parent.parent / "docs" / "images"
STEPS = 60

Shown = tuple[str, str, dict[str, Any], int]
"""Caption, id, keywords, steps with random actions before the picture is taken."""
FRAMES: dict[str, Sequence[Shown]] = {
    "classic_control": (
        ("CartPole", "CartPole", {}, 8),
        ("length: 1.5", "CartPole", {"length": 1.5}, 8),
        ("MountainCar", "MountainCar", {}, 30),
        ("goal_position: 0.0", "MountainCar", {"goal_position": 0.0}, 30),
        ("Acrobot", "Acrobot", {}, 60),
        ("Pendulum", "Pendulum", {}, 20),
    ),
    "box2d": (
        ("LunarLander", "LunarLander", {}, 40),
        ("BipedalWalker", "BipedalWalker", {}, 20),
        ("hardcore: true", "BipedalWalker", {"hardcore": True}, 20),
    ),
    "mujoco": (
        ("HalfCheetah", "HalfCheetah", {}, 10),
        ("Hopper", "Hopper", {}, 5),
        ("Walker2d", "Walker2d", {}, 5),
        ("Ant", "Ant", {}, 10),
        ("Reacher", "Reacher", {}, 10),
    ),
    "grid_worlds": (
        ("MiniGridEmpty", "MiniGridEmpty", {}, 3),
        ("MiniGridDoorKey", "MiniGridDoorKey", {}, 3),
        ("MiniGridLavaGap", "MiniGridLavaGap", {}, 3),
        ("MiniGridFourRooms", "MiniGridFourRooms", {}, 3),
        ("Taxi", "Taxi", {}, 3),
        ("MiniGridCrossing", "MiniGridCrossing", {}, 3),
    ),
    "pixels": (
        ("Catch", "Catch", {}, 5),
        ("balls: 3", "Catch", {"balls": 3}, 12),
        ("Dodge", "Dodge", {}, 12),
        ("Collect", "Collect", {}, 10),
        ("Breakout", "Breakout", {}, 20),
        ("size: 14", "Breakout", {"size": 14}, 20),
    ),
}


def main() -> None:
    """Draw all families."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    assert rl_transfer_envs.environment_ids()
    for family, shown in FRAMES.items():
        _save(_frames(shown), family)
    _save(_modalities(), "modalities")
    _save(_traces(_seen, _SEEN, "the angle that the agent sees"), "interface_shifts")
    _save(_traces(_paid, _PAID, "what the agent is paid"), "reward_shifts")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(FOLDER / f"{name}.png", dpi=110)
    print(FOLDER / f"{name}.png")


def _frames(shown: Sequence[Shown]) -> Figure:
    columns = min(len(shown), 3 if len(shown) != 4 else 4)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.35 * rows), layout="constrained")
    axes_RC = figure.subplots(rows, columns, squeeze=False)
    for axes in axes_RC.flat:
        axes.set_axis_off()
    for axes, (caption, name, kwargs, steps) in zip(axes_RC.flat, shown, strict=False):
        axes.imshow(_frame(f"transfer/{name}-v0", kwargs, steps), interpolation="nearest")
        axes.set_title(caption, fontsize=10)
    return figure


def _frame(env_id: str, kwargs: dict[str, Any], steps: int) -> NDArray[np.uint8]:
    env = gymnasium.make(env_id, render_mode="rgb_array", **kwargs)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(steps):
        if any(env.step(env.action_space.sample())[2:4]):
            env.reset()
    picture = env.render()
    env.close()
    return np.asarray(picture, np.uint8)


def _modalities() -> Figure:
    figure = Figure(figsize=(7.8, 2.6), layout="constrained")
    axes_P = figure.subplots(1, 3)
    numbers, image = (_observation(observation) for observation in ("vector", "pixels"))
    axes_P[0].imshow(_frame("transfer/Catch-v0", {}, 5), interpolation="nearest")
    axes_P[0].set_title("Catch", fontsize=10)
    axes_P[1].barh(range(len(numbers)), numbers, color="#0072b2")
    axes_P[1].invert_yaxis()
    axes_P[1].set_title("observation: vector", fontsize=10)
    axes_P[1].set_ylabel("index")
    axes_P[2].imshow(np.concatenate(list(image), axis=1), cmap="gray", interpolation="nearest")
    axes_P[2].set_title(f"observation: pixels ({len(image)} channels)", fontsize=10)
    for axes in (axes_P[0], axes_P[2]):
        axes.set_axis_off()
    return figure


def _observation(kind: str) -> NDArray[Any]:
    env = gymnasium.make("transfer/Catch-v0", observation=kind)
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(5):
        observation = env.step(env.action_space.sample())[0]
    env.close()
    return np.asarray(observation)


_SEEN: dict[str, list[Any]] = {
    "as it is": [],
    "observation_noise": [{"observation_noise": {"scale": 0.03}}],
    "delay_observations": [{"delay_observations": {"steps": 5}}],
    "rescale_observations": [{"rescale_observations": {"scale": -0.5}}],
}
_PAID: dict[str, list[Any]] = {
    "as it is": [],
    "scale_reward": [{"scale_reward": {"factor": -0.5}}],
    "delayed_reward": [{"delayed_reward": {"steps": 10}}],
    "action_penalty": [{"action_penalty": {"coefficient": 0.5, "free_action": 0}}],
}


def _traces(what: Callable[[TaskConfig], list[float]], wrappers: dict[str, list[Any]], label: str) -> Figure:
    figure = Figure(figsize=(7.8, 3.0), layout="constrained")
    axes = figure.subplots()
    for name, entries in wrappers.items():
        task = TaskConfig(id="transfer/CartPole-v0", wrappers=tuple(Named.model_validate(entry) for entry in entries))
        axes.plot(what(task), label=name, linewidth=2.4 if not entries else 1.5, color="black" if not entries else None)
    axes.set_xlabel("step")
    axes.set_ylabel(label, fontsize=9)
    axes.legend(frameon=False, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _seen(task: TaskConfig) -> list[float]:
    return [float(observation[2]) for observation, _ in _episode(task)]


def _paid(task: TaskConfig) -> list[float]:
    return [reward for _, reward in _episode(task)][1:]


def _episode(task: TaskConfig) -> list[tuple[Any, float]]:
    """An episode in which the pole is held up by a rule that looks at the true state."""
    env = make(task)
    observation, _ = env.reset(seed=3)
    found = [(observation, 0.0)]
    for _ in range(STEPS):
        state = env.unwrapped.state  # type: ignore[attr-defined]
        observation, reward, terminated, truncated, _ = env.step(int(state[2] + 0.5 * state[3] > 0))
        found.append((observation, float(reward)))
        if terminated or truncated:
            break
    env.close()
    return found


if __name__ == "__main__":
    main()

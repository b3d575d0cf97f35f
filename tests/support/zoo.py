"""Real agents that other people trained, where the folder that holds them is there."""

from pathlib import Path

import pytest

from rl_transfer import import_source

ZOO = Path(__file__).resolve().parents[3] / "shared" / "zoo"
AGENTS = {
    "ppo-CartPole-v1": ("ppo", "CartPole-v1", None, 500.0),
    "ppo-Acrobot-v1": ("ppo", "Acrobot-v1", "ppo-Acrobot-v1-vecnormalize.pkl", -71.2),
    "sac-Pendulum-v1": ("sac", "Pendulum-v1", None, -142.6),
    "dqn-LunarLander-v2": ("dqn", "LunarLander-v3", None, 179.6),
}
"""By file its algorithm, its environment, its statistics and the mean return of the seeds 0 to 19."""

needs_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason=f"{ZOO} is missing")


def import_zoo(agent: str, store: Path, **settings):
    """Import one of them; skips the test where they are missing."""
    if not ZOO.is_dir():
        pytest.skip(f"{ZOO} is missing")
    algorithm, env, statistics, _ = AGENTS[agent]
    more = {} if statistics is None else {"statistics": ZOO / statistics}
    return import_source(ZOO / f"{agent}.zip", **{"algorithm": algorithm, "env": env, "store": store} | more | settings)


def import_named(source_agent: str | None, store: Path) -> None:
    """Import the agent that a shipped pair names; does nothing for a pair that names none."""
    if source_agent is not None:
        import_zoo(source_agent.removeprefix("zoo-"), store, name=source_agent)

"""What a run that has ended leaves in its folder besides its curve: its agent, where it ran, its status."""

import platform
from pathlib import Path

from rl_transfer.knowledge import Knowledge, write_knowledge
from rl_transfer.learner import Learner
from rl_transfer.store import write_json


def write_agent(folder: Path, learner: Learner, *, as_source: bool) -> None:
    """Write the agent, as a source also what methods carry besides its networks.

    Args:
        folder: The run's folder.
        learner: The agent.
        as_source: Whether other runs will need it.
    """
    agent = folder / "agent"
    knowledge = Knowledge(
        networks=learner.networks(),
        statistics=learner.statistics(),
        optimizer=learner.optimizer_state() if as_source else None,
        experience=learner.experience() if as_source else None,
    )
    write_knowledge(agent, knowledge)
    learner.save_agent(agent)


def write_status(
    folder: Path, outcome: str, message: str, *, failed_at: int | None = None, fell_back_at: int | None = None
) -> None:
    """Write where a run was carried out, and last of all how it ended.

    Args:
        folder: The run's folder.
        outcome: ``completed``, or what ended it.
        message: Why, for people.
        failed_at: The charged step at which it failed.
        fell_back_at: The charged step at which it started anew.
    """
    write_json(folder / "machine.json", {"platform": platform.platform(), "processor": _processor()})
    write_json(
        folder / "status.json",
        {
            "status": "finished",
            "outcome": outcome,
            "message": message,
            "failed_at_step": failed_at,
            **({} if fell_back_at is None else {"fell_back_at_step": fell_back_at}),
        },
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()

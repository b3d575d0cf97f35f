"""The command that writes a new pair's file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

_Settings = Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE"), tyro.conf.UseAppendAction]
_Id = Annotated[str, tyro.conf.arg(metavar="ID")]


@dataclass(frozen=True)
class New:
    """Write a new pair's file: spaces compared, a mapping proposed, hyperparameters looked up, anchors measured."""

    what: tyro.conf.Positional[Literal["pair"]]
    """What to make."""
    name: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="NAME", metavar="NAME")]]
    """The pair's name; the file is NAME.yaml."""
    source: _Id
    """Gymnasium id of the source's environment (module:Name-v0 imports the module first)."""
    target: _Id
    """Gymnasium id of the target's environment."""
    algorithm: Annotated[str, tyro.conf.arg(metavar="NAME")] = "ppo"
    """The learner."""
    source_kwargs: _Settings = ()
    """Keyword of the source's environment, such as gravity=20.0; may be repeated."""
    target_kwargs: _Settings = ()
    """Keyword of the target's environment; may be repeated."""
    wrapper: Annotated[tuple[str, ...], tyro.conf.arg(metavar="YAML"), tyro.conf.UseAppendAction] = ()
    """Wrapper around both, innermost first, such as '{observation_noise: {scale: 0.1}}'; may be repeated."""
    max_episode_steps: int | None = None
    """Time limit of both, in place of the environments' own."""
    reference: float | None = None
    """Return of a good agent on the target; the environment's reward_threshold by default."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path()
    """Folder for the file."""

    def call(self) -> int:
        """Write, check that it can be run, and print."""
        from rich.console import Console

        from rl_transfer.api import new_pair, plan
        from rl_transfer.cli.show import show_new_pair
        from rl_transfer.execute.new_pair import guessed_reference

        with Console().status("measuring random actions"):
            file = new_pair(
                self.name,
                source=self.source,
                target=self.target,
                algorithm=self.algorithm,
                source_kwargs=self.source_kwargs,
                target_kwargs=self.target_kwargs,
                wrappers=self.wrapper,
                max_episode_steps=self.max_episode_steps,
                reference=self.reference,
                folder=self.out,
            )
        planned = plan(file)
        guessed = guessed_reference(planned.study.pairs[0].config, self.reference)
        return show_new_pair(file, planned, guessed_reference=guessed)

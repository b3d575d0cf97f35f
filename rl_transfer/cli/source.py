"""The commands about sources: import, train, list, show."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rl_transfer.cli.progress import Mode, results, shown

_Store = Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
_File = Annotated[Path, tyro.conf.arg(name="FILE", metavar="FILE")]


@dataclass(frozen=True)
class Import:
    """Make a source of an agent that Stable-Baselines3 saved, or of a vision backbone; nothing in it is executed."""

    file: tyro.conf.Positional[_File]
    """The agent's .zip; a backbone's .safetensors, .pt, .pth or .bin."""
    env: Annotated[str, tyro.conf.arg(metavar="ID")]
    """Gymnasium id of the environment that it was trained on, or whose images the backbone is to see."""
    algorithm: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """What trained the agent, such as ppo."""
    features: Annotated[str | None, tyro.conf.arg(metavar="ARCH")] = None
    """The backbone's architecture as in a learner's features, such as resnet or '{resnet: {depths: [3, 4, 6, 3]}}'."""
    statistics: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The agent's running statistics, as VecNormalize saved them."""
    name: str | None = None
    """Name for a pair's source_agent; the file's by default."""
    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """Import and print."""
        from rl_transfer.api import import_source
        from rl_transfer.cli.sources import show_import

        source, new = import_source(
            self.file,
            env=self.env,
            algorithm=self.algorithm,
            features=self.features,
            statistics=self.statistics,
            name=self.name,
            store=self.store,
        )
        return show_import(source, new)


@dataclass(frozen=True)
class Train:
    """Train the source agents of a study or pair, and nothing else."""

    study: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="STUDY", metavar="STUDY")]]
    """A shipped name (see 'list studies') or a path, of a study or of a pair alone."""
    store: _Store = Path("runs")
    """Folder of runs and results."""
    workers: int | None = None
    """Runs at once; as many as there are cores by default."""
    overrides: Annotated[
        tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE"), tyro.conf.UseAppendAction
    ] = ()
    """Lay a value over the study file, such as --set seeds=10; may be repeated."""
    progress: Mode = "live"
    """Live on a terminal and plain lines elsewhere; plain lines; quiet: results alone; jsonl: an event a line on
    standard output, results on standard error."""

    def call(self) -> int:
        """Train and print."""
        from rl_transfer.api import train_sources
        from rl_transfer.cli.sources import show_trained

        with shown(self.progress) as observer:
            sources, failures = train_sources(
                self.study, store=self.store, workers=self.workers, overrides=self.overrides, observer=observer
            )
        with results(self.progress):
            return show_trained(sources, failures)


@dataclass(frozen=True)
class ListSources:
    """List the finished sources of a store: imported ones first, then those that were trained here."""

    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """List and print."""
        from rl_transfer.cli.sources import list_sources

        return list_sources(self.store)


@dataclass(frozen=True)
class Show:
    """Show where a source came from, its architecture, its tensors by role, its statistics and its returns."""

    name: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="NAME", metavar="NAME")]]
    """Its name, as 'source list' prints it."""
    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """Show."""
        from rl_transfer.cli.sources import show_source

        return show_source(self.name, self.store)


@dataclass(frozen=True)
class Source:
    """Source agents: import a stranger's, train a study's, list and show what there is."""

    command: tyro.conf.OmitSubcommandPrefixes[
        Annotated[Import, tyro.conf.subcommand("import")]
        | Annotated[Train, tyro.conf.subcommand("train")]
        | Annotated[ListSources, tyro.conf.subcommand("list")]
        | Annotated[Show, tyro.conf.subcommand("show")]
    ]

    def call(self) -> int:
        """Call the command."""
        return self.command.call()

"""A testbed for transfer in reinforcement learning: does an agent trained there help to learn here?

The public Python API; each name is imported when it is first used:

- ``import_source``: make a source of an agent that someone else trained.
- ``export_actor``: write a finished run's actor as one file to deploy.
- ``train_sources``: train a study's sources alone.
- ``tune_study``: hyperparameters for scratch and arms, equally many trials of each.
- ``select_source``: rank candidate sources for a target, before training on it.
- ``rate_predictors``: how well such rankings do, on a finished study's matrix.
- ``run_study``: train sources, arms and controls, and judge them.
- ``warm_start``: start one's own Stable-Baselines3 model from another.
- ``judge_curves``: judge learning curves that other programs made.
- ``judge``: the verdict on two arrays of scores (in ``rl_transfer.analysis``).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_transfer.analysis import judge as judge
    from rl_transfer.api import export_actor as export_actor
    from rl_transfer.api import import_source as import_source
    from rl_transfer.api import rate_predictors as rate_predictors
    from rl_transfer.api import run_study as run_study
    from rl_transfer.api import select_source as select_source
    from rl_transfer.api import train_sources as train_sources
    from rl_transfer.api import tune_study as tune_study
    from rl_transfer.report import judge_curves as judge_curves
    from rl_transfer.warm_starting import warm_start as warm_start

__version__ = "0.1.0"

_PUBLIC = {
    "export_actor": "rl_transfer.api",
    "import_source": "rl_transfer.api",
    "judge": "rl_transfer.analysis",
    "judge_curves": "rl_transfer.report",
    "rate_predictors": "rl_transfer.api",
    "run_study": "rl_transfer.api",
    "select_source": "rl_transfer.api",
    "train_sources": "rl_transfer.api",
    "tune_study": "rl_transfer.api",
    "warm_start": "rl_transfer.warm_starting",
}
__all__ = [
    "export_actor",
    "import_source",
    "judge",
    "judge_curves",
    "rate_predictors",
    "run_study",
    "select_source",
    "train_sources",
    "tune_study",
    "warm_start",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)

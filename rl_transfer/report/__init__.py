"""What people look at: verdict table, progress, HTML report, TensorBoard. Imports neither torch nor the engine.

The names below are imported when they are first used, since rich, matplotlib and TensorBoard take their time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_transfer.report.judged import CurvesOutcome, judge_curves
    from rl_transfer.report.page import write_html, write_judged_html
    from rl_transfer.report.parquet import check_parquet, write_parquet
    from rl_transfer.report.places import tensorboard_command
    from rl_transfer.report.progress import LiveProgress
    from rl_transfer.report.progress_lines import JsonLines
    from rl_transfer.report.table import verdict_table
    from rl_transfer.report.tensorboard.folder import link_tensorboard
    from rl_transfer.report.tensorboard.server import serve_tensorboard
    from rl_transfer.report.tensorboard.write import write_tensorboard

__all__ = [
    "CurvesOutcome",
    "JsonLines",
    "LiveProgress",
    "check_parquet",
    "judge_curves",
    "link_tensorboard",
    "serve_tensorboard",
    "tensorboard_command",
    "verdict_table",
    "write_html",
    "write_judged_html",
    "write_parquet",
    "write_tensorboard",
]

_MODULES = {
    "CurvesOutcome": "judged",
    "judge_curves": "judged",
    "write_judged_html": "page",
    "JsonLines": "progress_lines",
    "LiveProgress": "progress",
    "check_parquet": "parquet",
    "tensorboard_command": "places",
    "verdict_table": "table",
    "write_html": "page",
    "link_tensorboard": "tensorboard.folder",
    "serve_tensorboard": "tensorboard.server",
    "write_parquet": "parquet",
    "write_tensorboard": "tensorboard.write",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

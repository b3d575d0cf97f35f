"""Stored curves to metrics and verdicts. Imports neither torch nor Stable-Baselines3."""

from rl_transfer.analysis.comparisons import Comparison, compare
from rl_transfer.analysis.judge import judge, judge_family
from rl_transfer.analysis.load import PairData, RunData, SourceData, StudyData, load_pair, load_study
from rl_transfer.analysis.manifest import Manifest, PairEntry
from rl_transfer.analysis.verdict import Verdict
from rl_transfer.analysis.words import plain_words, words_by_arm
from rl_transfer.analysis.write import StudyResults, write_results

__all__ = [
    "Comparison",
    "Manifest",
    "PairData",
    "PairEntry",
    "RunData",
    "SourceData",
    "StudyData",
    "StudyResults",
    "Verdict",
    "compare",
    "judge",
    "judge_family",
    "load_pair",
    "load_study",
    "plain_words",
    "words_by_arm",
    "write_results",
]

"""Stored curves to metrics and verdicts. Imports neither torch nor Stable-Baselines3."""

from rl_transfer.analysis.across import across_pairs, scores_together, verdict_matrix
from rl_transfer.analysis.across_statement import AcrossPairs
from rl_transfer.analysis.comparisons import Comparison, compare
from rl_transfer.analysis.foreign import ForeignCurves, ForeignRun, read_csv
from rl_transfer.analysis.foreign_anchors import Anchor, Anchors, parse_anchor
from rl_transfer.analysis.foreign_arms import parse_placebos
from rl_transfer.analysis.foreign_folders import read_folder
from rl_transfer.analysis.foreign_study import JudgeSettings, foreign_study
from rl_transfer.analysis.judge import judge, judge_family
from rl_transfer.analysis.load import PairData, RunData, SourceData, StudyData, load_pair, load_study
from rl_transfer.analysis.manifest import Manifest, PairEntry
from rl_transfer.analysis.payoff import Payoff, Retention, payoff, retention
from rl_transfer.analysis.verdict import Verdict
from rl_transfer.analysis.words import plain_words, words_by_arm
from rl_transfer.analysis.write import StudyResults, write_judged, write_results

__all__ = [
    "AcrossPairs",
    "Anchor",
    "Anchors",
    "Comparison",
    "ForeignCurves",
    "ForeignRun",
    "JudgeSettings",
    "Manifest",
    "PairData",
    "PairEntry",
    "Payoff",
    "Retention",
    "RunData",
    "SourceData",
    "StudyData",
    "StudyResults",
    "Verdict",
    "across_pairs",
    "compare",
    "foreign_study",
    "judge",
    "judge_family",
    "load_pair",
    "load_study",
    "parse_anchor",
    "parse_placebos",
    "payoff",
    "plain_words",
    "read_csv",
    "read_folder",
    "retention",
    "scores_together",
    "verdict_matrix",
    "words_by_arm",
    "write_judged",
    "write_results",
]

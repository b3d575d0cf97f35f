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
from rl_transfer.analysis.manifest import Manifest, PairEntry, controls, is_judged, is_sham_source
from rl_transfer.analysis.one_arm import judge_arm
from rl_transfer.analysis.payoff import Payoff, Retention, payoff, retention
from rl_transfer.analysis.selection import (
    PREDICTORS,
    Candidate,
    Costs,
    Prediction,
    Ranked,
    Selection,
    first_lines,
    ranked,
)
from rl_transfer.analysis.selection_truth import Record, records
from rl_transfer.analysis.verdict import Verdict
from rl_transfer.analysis.words import plain_words, words_by_arm
from rl_transfer.analysis.write import StudyResults, write_judged, write_results

__all__ = [
    "PREDICTORS",
    "AcrossPairs",
    "Anchor",
    "Anchors",
    "Candidate",
    "Comparison",
    "Costs",
    "ForeignCurves",
    "ForeignRun",
    "JudgeSettings",
    "Manifest",
    "PairData",
    "PairEntry",
    "Payoff",
    "Prediction",
    "Ranked",
    "Record",
    "Retention",
    "RunData",
    "Selection",
    "SourceData",
    "StudyData",
    "StudyResults",
    "Verdict",
    "across_pairs",
    "compare",
    "controls",
    "first_lines",
    "foreign_study",
    "is_judged",
    "is_sham_source",
    "judge",
    "judge_arm",
    "judge_family",
    "load_pair",
    "load_study",
    "parse_anchor",
    "parse_placebos",
    "payoff",
    "plain_words",
    "ranked",
    "read_csv",
    "read_folder",
    "records",
    "retention",
    "scores_together",
    "verdict_matrix",
    "words_by_arm",
    "write_judged",
    "write_results",
]

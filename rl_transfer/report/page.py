"""The report of a study: one HTML file that needs nothing else, its figures as files, and a text to paste."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rl_transfer.analysis import Comparison, Manifest, PairData, StudyData, StudyResults
from rl_transfer.report import sheets
from rl_transfer.report.gallery import Gallery
from rl_transfer.report.markdown import write_markdown
from rl_transfer.report.page_figures import figures, transfer_arms
from rl_transfer.report.payoff_sheets import payoff_sheet, retention_sheet
from rl_transfer.report.places import study_folder
from rl_transfer.report.settings_sheets import settings_sheet, space_sheet, tuning_sheet
from rl_transfer.report.together import statement_remarks, together
from rl_transfer.report.versions import versions_in_words
from rl_transfer.report.wording import (
    contrast,
    count,
    family_in_words,
    interval_text,
    p_text,
    remarks,
    remarks_explained,
    signed,
)
from rl_transfer.store import read_json, write_bytes

_FEW_ARMS = 6
"""Verdicts on more arms are shown with a line each; what each is made of can be unfolded."""
_TEMPLATES = Path(__file__).parent / "templates"


def write_html(store: Path, results: StudyResults) -> Path:
    """Write a study's report; the same data gives the same bytes.

    Beside it lie ``report.md``, which says the same in short for an issue or a paper, and the folder ``figures`` with
    each figure as SVG and its data as CSV; figures of an earlier report that are no more are removed from it.

    Args:
        store: The store's folder.
        results: The study with its verdicts.

    Returns:
        ``STORE/studies/NAME/report.html``, one file that shows all without any other.

    Raises:
        RLTransferError: If the study's file can't be read, or the report not written.
    """
    folder = study_folder(store, results.data.manifest.name)
    return _write(folder, results, read_json(folder / "study.json")["pairs"], store)


def write_judged_html(results: StudyResults) -> Path:
    """Write the report of curves that other programs made, beside their verdicts.

    Args:
        results: The curves as a study, with its verdicts.

    Returns:
        ``report.html``, without the sections that only runs carried out here can fill.

    Raises:
        RLTransferError: If it can't be written.
    """
    return _write(results.verdicts_path.parent, results, {}, None)


def _write(folder: Path, results: StudyResults, written: dict[str, Any], store: Path | None) -> Path:
    """Write a report into a folder; with a store, from the files of its runs too."""
    gallery = Gallery(folder)
    with _no_collecting():
        shown = _shown(store, results, written, gallery)
    path = folder / "report.html"
    write_bytes(path, _environment().get_template("report.html").render(shown).encode())
    write_markdown(folder / "report.md", results, shown)
    gallery.close()
    return path


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Let cyclic garbage lie while figures are drawn: a figure is one big knot, and looking through takes long."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _shown(store: Path | None, results: StudyResults, written: dict[str, Any], gallery: Gallery) -> dict[str, Any]:
    """All that the page shows; its figures are written."""
    shown = {
        **_study(results),
        "levels": levels(results.data.manifest),
        "versions": versions_in_words(store, results.data),
        **figures(gallery, results),
        **together(results, gallery),
        "pairs": [_pair(store, pair, results, written.get(pair.name, {})) for pair in results.data.pairs],
    }
    shown["most_curves"] = max((len(curves.legend) for curves in shown["curves"].values()), default=0)
    return shown


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": signed, "interval": interval_text, "p": p_text, "contrast": contrast}
    environment.filters |= {"remarks": remarks, "count": count, "statement_remarks": statement_remarks}
    for name in ("style", "script"):
        file = _TEMPLATES / f"report.{'css' if name == 'style' else 'js'}"
        environment.globals[name] = Markup(file.read_text(encoding="utf-8"))
    return environment


def _study(results: StudyResults) -> dict[str, Any]:
    data = results.data
    families = Counter(comparison.family for comparison in results.comparisons)
    return {
        "manifest": data.manifest,
        **_runs(data),
        "unneeded": sum(pair.unneeded for pair in data.pairs),
        **_seeds(data.manifest),
        "families": {one.family: family_in_words(one) for one in results.comparisons},
        "baseline": next((pair.entry.baseline for pair in data.pairs), ""),
        "charged": any(run.costs for pair in data.pairs for run in pair.finished),
        "remarks": remarks_explained(results.comparisons),
        "comparisons": results.comparisons,
        "long": sum(len(arms) for arms in results.words.values()) > _FEW_ARMS,
        "several_cells": any(number > 1 for number in families.values()),
        "sources": sheets.sources_sheet(data),
        "fresh_starts": list(sheets.fresh_starts(data)),
        "sources_missed": list(sheets.sources_missed(data)),
        "failures": sheets.failures_sheet(data),
        "total_cost": sheets.total_cost(data),
        "own_learners": any(
            pair.entry.scratch.learner or any(arm.learner for arm in pair.entry.arms.values()) for pair in data.pairs
        ),
        **_tuning(data.manifest),
    }


def _runs(data: StudyData) -> dict[str, int]:
    """How many runs there are: one that several arms or pairs use, such as a source or a reference, is one run."""
    finished = {run.path for pair in data.pairs for run in pair.finished}
    failed = {run.path for pair in data.pairs for run in pair.finished if run.failed}
    missing = {run.path for pair in data.pairs for run in pair.missing}
    planned = len(finished | missing)
    return {"finished": len(finished), "planned": planned, "failed_or_missing": len(failed | missing)}


def _seeds(manifest: Manifest) -> dict[str, Any]:
    """How many seeds there are, in short, and at which levels they are judged."""
    looks, last = manifest.looks, manifest.looks[-1]
    if len(looks) == 1:
        each = f"{last.seeds} seeds an arm, {last.baseline_seeds} from scratch"
        return {"seeds": count(last.seeds, "seed"), "looks": each}
    arms, baselines, levels = (
        ", ".join(f"{number:g}" for number in numbers)
        for numbers in zip(*((look.seeds, look.baseline_seeds, look.alpha) for look in looks), strict=True)
    )
    each = f"looks at {arms} seeds an arm ({baselines} from scratch), which use {levels} of it"
    return {"seeds": f"up to {last.seeds} seeds in {len(looks)} looks", "looks": each}


def _tuning(manifest: Manifest) -> dict[str, Any]:
    """How hyperparameters were tuned, where they were."""
    if manifest.tuning is None:
        return {"tuning": None}
    return {
        "tuning": manifest.tuning,
        "tuned": tuning_sheet(manifest.tuning, transfer_arms(manifest)),
        "tuning_space": space_sheet(manifest.tuning),
    }


def levels(manifest: Manifest) -> list[str]:
    """The level of each comparison and how it comes about; with the pairs and looks where they differ."""
    pairs: dict[int, list[str]] = {}
    for name, pair in manifest.pairs.items():
        pairs.setdefault(len(pair.arms), []).append(name)
    return [
        f"{look.alpha:g} / {arms} = {look.alpha / arms:.3g}"
        + (f" at look {number}" if len(manifest.looks) > 1 else "")
        + (f" on {', '.join(names)}" if len(pairs) > 1 else "")
        for arms, names in pairs.items()
        for number, look in enumerate(manifest.looks, start=1)
        if arms
    ]


def _pair(store: Path | None, pair: PairData, results: StudyResults, written: dict[str, Any]) -> dict[str, Any]:
    comparisons = [comparison for comparison in results.comparisons if comparison.pair == pair.name]
    return {
        "data": pair,
        "arms": list(_arms(comparisons, results.words.get(pair.name, {}))),
        "level": comparisons[0].level if comparisons else None,
        "numbers": sheets.numbers_sheet(pair),
        "gains": sheets.gains_sheet(comparisons),
        "costs": sheets.costs_sheet(pair),
        "payoff": payoff_sheet(results.data.manifest, pair, comparisons),
        "retention": retention_sheet(pair),
        "carried": [] if store is None else list(sheets.transfer_sheets(store, pair)),
        "settings": settings_sheet(pair, written),
        "one_checkpoint": list(sheets.one_checkpoint(pair)),
    }


def _arms(comparisons: list[Comparison], words: dict[str, str]) -> Iterator[dict[str, Any]]:
    for arm, group in groupby(comparisons, key=lambda comparison: comparison.transfer_arm):
        yield {"name": arm, "words": words[arm], "comparisons": list(group)}

"""Numbers and comparisons as people read them, the same in the terminal and in the report."""

from collections.abc import Iterable, Iterator
from math import isfinite

from rl_transfer.analysis import AcrossPairs, Comparison
from rl_transfer.stats import Interval

FAMILIES = {
    "total": ("vs {baseline}", "transfer minus {baseline}: is transfer worth doing?"),
    "knowledge": ("vs placebo", "transfer minus the same method on scrambled knowledge: does its content matter?"),
    "initialisation": (
        "placebo vs {baseline}",
        "scrambled knowledge minus {baseline}: does a different start alone matter?",
    ),
    "sham": ("vs sham", "transfer minus transfer from a source with shuffled rewards: does the source's task matter?"),
}
"""By family: what is compared, for short and in words; the baseline's name is to be put in."""

REMARKS = {
    "negligible": ("negligible", "there is a difference, but it lies inside the margin"),
    "fragile": ("fragile", "the verdict would change if the arm's best run had failed"),
    "at the ceiling": ("ceiling", "arm and baseline both end at the top of the scale, where nothing can be told apart"),
    "conditional": ("conditional", "conditional on this checkpoint: all runs of the arm start from one source agent"),
    "by source": (
        "by_source",
        "runs that started from one source agent count as one, with their mean: n counts sources",
    ),
    "own learner": (
        "unequal_learners",
        "arm and baseline have different hyperparameters, and the difference contains what these make",
    ),
}
"""What is said beside a verdict: the comparison's field that says so, and what it means."""


def signed(number: float) -> str:
    """A difference in score, with its sign."""
    return f"{number:+.3f}"


def interval_text(interval: Interval | None) -> str:
    """An interval of differences; an end that the runs can't bound is infinite."""
    if interval is None:
        return "-"
    if not isfinite(interval.low) and not isfinite(interval.high):
        return "unbounded"
    low, high = (signed(end) if isfinite(end) else "-inf" if end < 0 else "+inf" for end in interval)
    return f"{low} to {high}"


def p_text(p: float | None) -> str:
    """A p-value."""
    if p is None:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}"


def family_in_words(comparison: Comparison | AcrossPairs) -> tuple[str, str]:
    """What a comparison's family compares, for short and in words."""
    short, meaning = (text.format(baseline=comparison.baseline) for text in FAMILIES[comparison.family])
    return short, meaning


def contrast(comparison: Comparison | AcrossPairs) -> str:
    """What is compared with what, and the family's name where that does not say it."""
    compared, _ = family_in_words(comparison)
    return compared if comparison.family in compared else f"{compared} ({comparison.family})"


def remarks(comparison: Comparison) -> list[str]:
    """What must be said beside a verdict."""
    return [word for word, (field, _) in REMARKS.items() if getattr(comparison, field)]


def comparison_cells(comparison: Comparison) -> list[str]:
    """A comparison as a row: pair, arm, what is compared, verdict, difference, interval, p, runs of both."""
    return [
        comparison.pair,
        comparison.transfer_arm,
        contrast(comparison),
        ", ".join([comparison.verdict, *remarks(comparison)]),
        "-" if comparison.difference is None else signed(comparison.difference),
        interval_text(comparison.interval),
        p_text(comparison.p),
        f"{comparison.n}/{comparison.n_baseline}",
    ]


def remarks_explained(comparisons: Iterable[Comparison]) -> dict[str, str]:
    """The remarks that are made on any of some comparisons, and what they mean."""
    made = {word for comparison in comparisons for word in remarks(comparison)}
    return {word: meaning for word, (_, meaning) in REMARKS.items() if word in made}


def together_lines(statements: Iterable[AcrossPairs]) -> Iterator[str]:
    """One line a transfer arm: its total effect over its pairs."""
    for one in statements:
        if one.family != "total":
            continue
        over = f"over {len(one.pairs)} pairs: {one.arm}"
        if one.difference is None:
            yield f"{over}: {one.text[0].lower()}{one.text[1:].removesuffix('.')}"
            continue
        numbers = f"{signed(one.difference)} ({interval_text(one.interval)}), p {p_text(one.p)}"
        mixed = f"; pairs disagree, {len(one.positive_on)} positive, {len(one.negative_on)} negative"
        yield f"{over} {numbers}: {one.verdict} on average{mixed if one.mixed else ''}"


def what_would_decide(comparison: Comparison) -> str:
    """For an open question, what is missing for an answer."""
    if comparison.seeds_to_decide is not None:
        seeds = comparison.seeds_to_decide
        return f"about {seeds} seeds a side would decide it in a new study, if difference and spread stay so"
    return comparison.text.partition(": ")[2]


def duration(seconds: float) -> str:
    """A time span, in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int, thing: str) -> str:
    """A number of things, in the plural where there are several."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def size_text(size: float) -> str:
    """Bytes, in the unit that people would use."""
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"

"""What an arm's comparisons say together, in one line."""

from collections.abc import Sequence

from rl_transfer.analysis.comparisons import CONDITIONAL, Comparison
from rl_transfer.errors import RLTransferError

_DECIDED = ("positive", "negative")
_PACE = {
    "positive": "faster than",
    "negative": "slower than",
    "equivalent": "no different from",
    "inconclusive": "undecided against",
}


def plain_words(comparisons: Sequence[Comparison]) -> str:
    """Put the comparisons of one arm into one line.

    Only the placebo separates the content of what was carried from carrying something at all. Only an arm that scratch,
    placebo and sham all find on the same side has it "because of what it learned about the task".

    Args:
        comparisons: Those of one arm on one pair: "total", and as far as there are "knowledge", "initialisation" and
            "sham".

    Returns:
        A line such as "faster than scratch (fragile) and than the same knowledge scrambled"; what is said in brackets
        belongs to the comparison with scratch.

    Raises:
        RLTransferError: If they are of several arms or pairs, or "total" is not among them.
    """
    by_family = {comparison.family: comparison for comparison in comparisons}
    verdicts = {family: comparison.verdict for family, comparison in by_family.items()}
    arms = {(comparison.pair, comparison.transfer_arm) for comparison in comparisons}
    if len(arms) != 1 or len(verdicts) != len(comparisons) or "total" not in verdicts:
        raise RLTransferError(f"needs the comparisons of one arm, 'total' among them, not {sorted(verdicts)} of {arms}")
    total, knowledge, sham = (verdicts.get(family) for family in ("total", "knowledge", "sham"))
    placebo = _against_placebo(total, knowledge, verdicts.get("initialisation"))
    against_scratch = f"{_PACE[verdicts['total']]} {by_family['total'].baseline}{_reservations(by_family['total'])}"
    conditional = f"; {CONDITIONAL}" if by_family["total"].conditional else ""
    return f"{against_scratch}{placebo}{_against_sham(total, knowledge, sham)}{conditional}"


def words_by_arm(comparisons: Sequence[Comparison]) -> dict[str, dict[str, str]]:
    """Put a study's comparisons into words.

    Args:
        comparisons: All comparisons of a study.

    Returns:
        One line by pair and transfer arm.

    Raises:
        RLTransferError: If an arm has no comparison with scratch.
    """
    grouped: dict[str, dict[str, list[Comparison]]] = {}
    for comparison in comparisons:
        grouped.setdefault(comparison.pair, {}).setdefault(comparison.transfer_arm, []).append(comparison)
    return {pair: {arm: plain_words(group) for arm, group in arms.items()} for pair, arms in grouped.items()}


def _reservations(total: Comparison) -> str:
    said = [word for word, holds in (("negligible", total.negligible), ("fragile", total.fragile)) if holds]
    return f" ({', '.join(said)})" if said else ""


def _against_placebo(total: str | None, knowledge: str | None, initialisation: str | None) -> str:
    if knowledge is None:
        return ", with no placebo to say why" if total in _DECIDED else ""
    if knowledge in _DECIDED and knowledge == total:
        return " and than the same knowledge scrambled"
    if knowledge in _DECIDED:
        content = "helps" if knowledge == "positive" else "hurts"
        return f", but {_PACE[knowledge]} its placebo: the content of what was carried {content}"
    if total in _DECIDED and total == initialisation:
        content = "not the content of what was carried"
        open_question = "whether the content of what was carried adds to that is undecided"
        return f", but so is its placebo: {content if knowledge == 'equivalent' else open_question}"
    return f", {'but' if total in _DECIDED else 'and'} {_PACE[knowledge]} its placebo"


def _against_sham(total: str | None, knowledge: str | None, sham: str | None) -> str:
    if sham is None:
        return ""
    if total in _DECIDED and total == knowledge == sham:
        return ", because of what it learned about the task"
    return f"; {_PACE[sham]} its sham"

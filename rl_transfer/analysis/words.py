"""What an arm's comparisons say together, in one line."""

from collections.abc import Sequence

from rl_transfer.analysis.comparisons import Comparison
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

    Only the placebo separates content from the starting weights' distribution, and only the sham licenses "because of
    what it learned about the task".

    Args:
        comparisons: Those of one arm on one pair: "total", and as far as there are "knowledge", "initialisation" and
            "sham".

    Returns:
        A line such as "faster than scratch, beyond its weights' distribution".

    Raises:
        RLTransferError: If they are of several arms or pairs, or "total" is not among them.
    """
    verdicts = {comparison.family: comparison.verdict for comparison in comparisons}
    arms = {(comparison.pair, comparison.transfer_arm) for comparison in comparisons}
    if len(arms) != 1 or len(verdicts) != len(comparisons) or "total" not in verdicts:
        raise RLTransferError(f"needs the comparisons of one arm, 'total' among them, not {sorted(verdicts)} of {arms}")
    total, knowledge, sham = (verdicts.get(family) for family in ("total", "knowledge", "sham"))
    placebo = _against_placebo(total, knowledge, verdicts.get("initialisation"))
    return f"{_PACE[verdicts['total']]} scratch{placebo}{_against_sham(total, knowledge, sham)}"


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


def _against_placebo(total: str | None, knowledge: str | None, initialisation: str | None) -> str:
    if knowledge is None:
        return ", with no placebo to say why" if total in _DECIDED else ""
    if knowledge in _DECIDED and knowledge == total:
        return ", beyond its weights' distribution"
    if knowledge in _DECIDED:
        content = "helps" if knowledge == "positive" else "hurts"
        return f", but {_PACE[knowledge]} its placebo: the weights' content {content}"
    if total in _DECIDED and total == initialisation:
        cause = "the starting weights' size, not their content"
        open_question = "whether their content adds to the starting weights' size is undecided"
        return f", but so is its placebo: {cause if knowledge == 'equivalent' else open_question}"
    return f", {'but' if total in _DECIDED else 'and'} {_PACE[knowledge]} its placebo"


def _against_sham(total: str | None, knowledge: str | None, sham: str | None) -> str:
    if sham is None:
        return ""
    direction = total if total in _DECIDED else knowledge
    if sham in _DECIDED and sham == direction and knowledge in (direction, "inconclusive", None):
        return ", because of what it learned about the task"
    return f"; {_PACE[sham]} its sham"

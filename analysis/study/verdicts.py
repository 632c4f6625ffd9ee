"""The four verdict words, and when an interval earns which."""

from analysis.contracts.results import VERDICTS
from analysis.emulation.intervals import Estimate

LOWER, NO_DIFFERENCE, HIGHER, CANNOT = VERDICTS


def interval_verdict(difference: Estimate, what: str = "risk difference") -> tuple[str, str]:
    """Return the verdict on a difference whose gates all passed, and why.

    The reason holds no number: numbers leave through the release gate, which rounds them.
    """
    words = f"The interval of the {what}"
    if difference.high < 0.0:
        return LOWER, f"{words} lies below no difference; all gates passed."
    if difference.low > 0.0:
        return HIGHER, f"{words} lies above no difference; all gates passed."
    return NO_DIFFERENCE, f"{words} covers no difference; all gates passed."

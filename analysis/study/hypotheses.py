"""The hypotheses beside the primary one: order, endurance, specificity, and loading early.

Each is strategies of the same people, made and weighted as the primary one's, with intervals by
influence functions, so that every contrast is of the same persons. Each has gates of its own design
and is closed by them, by the gates that the study shares, and by the primary's where its rows would
tell the primary effect.

Specificity asks what a benefit of the strict order would belong to. To this order: strict under
the primary order against strict under every rival, intervals simultaneous over the rivals
(Bonferroni), and the verdict rests on the rival that fares best (in the spirit of Hsu 1984). To
completing: strict against keeping the order whatever exits were met. To the number of visits:
strict against staying in care until stage 5 is completed, in whatever order; and, as strict lets
people leave care, staying in care with the strict order against staying in care without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from analysis.emulation.balance import DayBalance
from analysis.emulation.emulation import Emulation
from analysis.study.gates import Gate, design_gates, failing, sealing_reason
from analysis.study.rows import (
    COMPLETION,
    NATURAL,
    STRICT,
    Asked,
    EstimateRow,
    curve_rows,
    difference_row,
    ratio_row,
    risk_row,
)
from analysis.study.strategies import (
    EARLY_LOADING,
    IN_ORDER,
    STAGE_5_COMPLETED,
    STRICT_IN_CARE,
    Ground,
    StrategyRisks,
    rival_orders,
    strict_name,
)
from analysis.study.verdicts import CANNOT, HIGHER, LOWER, NO_DIFFERENCE, interval_verdict

ORDER: Final = "order"
ENDURANCE: Final = "endurance"
SPECIFICITY: Final = "specificity"
OF_COMPLETING: Final = "What completing each stage adds to keeping the order."
OF_VISITS: Final = "Strict order against staying in care until stage 5 is completed."
OF_ORDER_IN_CARE: Final = "What the strict order adds where everybody stays in care until stage 5."

Balances = Mapping[str, tuple[DayBalance, ...]]


@dataclass(frozen=True)
class Contrast:
    """A difference of two strategies' risks; `level` is other than the study's if simultaneous."""

    strategy: str
    comparator: str
    level: float | None = None
    has_ratio: bool = True
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What was found on one hypothesis, before sealing.

    `tested` are the strategies that its verdict is about, `gates` those of its own designs. A row
    must pass `blocking` and what is `resting` on each strategy in it, the verdict what is resting
    on any strategy tested. `verdict` and `reason` hold if they do.
    """

    analysis: str
    hypothesis: str
    tested: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    found: StrategyRisks
    balances: tuple[DayBalance, ...]
    gates: tuple[Gate, ...]
    blocking: tuple[Gate, ...]
    resting: Mapping[str, tuple[Gate, ...]]
    primary_gates: tuple[Gate, ...]
    verdict: str
    reason: str

    def closing(self, names: Iterable[str]) -> tuple[Gate, ...]:
        """Return every gate that must pass for what is said of these strategies."""
        own = [gate for name in names for gate in self.resting.get(name, ())]
        return (*self.blocking, *own)

    def closing_risk(self, name: str) -> tuple[Gate, ...]:
        """Return every gate that must pass before the risk of a strategy is told."""
        return (*self.closing([name]), *(self.primary_gates if name in (STRICT, NATURAL) else ()))

    @property
    def emulation(self) -> Emulation | None:
        """Return the risks of the strategies tested, None where one has none."""
        return None if self.found.missing(self.tested) else self.found.emulation(self.tested)


def answers(
    ground: Ground,
    found: StrategyRisks,
    balances: Balances,
    primary_gates: Sequence[Gate],
    shared_gates: Sequence[Gate],
) -> tuple[Answer, ...]:
    """Return what was found on every hypothesis beside the primary one."""
    asking = _Asking(ground, found, balances, tuple(shared_gates), tuple(primary_gates))
    order = asking.simple(ORDER, ORDER, IN_ORDER, NATURAL)
    endurance = asking.simple(ENDURANCE, ENDURANCE, STAGE_5_COMPLETED, NATURAL)
    specificity = asking.specificity(order.gates, endurance.gates)
    loading = asking.simple(EARLY_LOADING, COMPLETION, STRICT, EARLY_LOADING, tells_primary=True)
    return (order, endurance, specificity, loading)


def answer_rows(answer: Answer, episodes: int, horizon_days: int) -> list[EstimateRow]:
    """Return the rows of an answer, without numbers where a gate does not pass."""
    asked = Asked(answer.analysis, answer.hypothesis, episodes, horizon_days)
    rows = []
    for name in answer.tested:
        reason = answer.found.missing([name])
        emulation = None if reason else answer.found.emulation([name])
        rows.append(_closed(risk_row(asked, name, emulation, reason), answer.closing_risk(name)))
    for contrast in answer.contrasts:
        rows += _contrast_rows(asked, answer, contrast)
    return rows


def answer_verdict(answer: Answer) -> tuple[str, str]:
    """Return the verdict on a hypothesis and why, whatever its gates say included."""
    reason = answer.found.missing(answer.tested)
    if reason:
        return CANNOT, reason
    gates = answer.closing(answer.tested)
    if failing(gates):
        return CANNOT, sealing_reason(gates)
    return answer.verdict, answer.reason


def answer_curves(answer: Answer) -> list[pl.DataFrame]:
    """Return the risk curves of an answer, none of a strategy whose gates do not all pass."""
    open_ones = [
        name
        for name in answer.tested
        if name in answer.found.risks and not failing(answer.closing_risk(name))
    ]
    return [curve_rows(answer.analysis, answer.found.emulation([name])) for name in open_ones]


@dataclass(frozen=True)
class _Asking:
    """What all hypotheses are asked of."""

    ground: Ground
    found: StrategyRisks
    balances: Balances
    shared_gates: tuple[Gate, ...]
    primary_gates: tuple[Gate, ...]

    def simple(
        self,
        analysis: str,
        hypothesis: str,
        strategy: str,
        comparator: str,
        *,
        tells_primary: bool = False,
    ) -> Answer:
        """Return the answer of one contrast of two strategies."""
        tested = (strategy, comparator)
        gates = self.gates(self.found, tested, tested)
        primary_gates = self.primary_gates if tells_primary else ()
        verdict = CANNOT, ""
        if not self.found.missing(tested):
            verdict = interval_verdict(self.found.emulation(tested).difference(*tested))
        return Answer(
            analysis, hypothesis, tested, (Contrast(*tested),), self.found, self.shown(tested),
            gates, (*gates, *primary_gates, *self.shared_gates), {}, self.primary_gates, *verdict,
        )  # fmt: skip

    def specificity(
        self, order_gates: tuple[Gate, ...], endurance_gates: tuple[Gate, ...]
    ) -> Answer:
        """Return the answer on what a benefit of the strict order would belong to."""
        protocol = self.ground.protocol
        own = strict_name(protocol.study.primary_order)
        rivals = [strict_name(order_name) for order_name in rival_orders(protocol)]
        found = self.found.renamed(STRICT, own)
        tested = (own, *rivals, NATURAL)
        resting = {
            name: tuple(
                replace(gate, gate=f"{gate.gate}_{name.removeprefix('strict_')}")
                for gate in self.gates(found, (name,), (own, name))
            )
            for name in (*rivals, STRICT_IN_CARE)
        }
        level = 1.0 - (1.0 - self.found.level) / max(len(rivals), 1)
        verdict = CANNOT, "The protocol names no rival order."
        if rivals and not found.missing(tested):
            verdict = _specificity_verdict(found.emulation(tested), own, rivals, level)
        return Answer(
            SPECIFICITY, SPECIFICITY, tested, _specificity_contrasts(own, rivals, level),
            found, self.shown((*tested, STRICT_IN_CARE)),
            tuple(gate for gates in resting.values() for gate in gates),
            (*self.primary_gates, *self.shared_gates),
            {**resting, IN_ORDER: order_gates, STAGE_5_COMPLETED: endurance_gates},
            self.primary_gates, *verdict,
        )  # fmt: skip

    def gates(
        self, found: StrategyRisks, judged: Sequence[str], pair: tuple[str, str]
    ) -> tuple[Gate, ...]:
        """Return the gates of the designs of these strategies, and of the power of a contrast."""
        reason = found.missing([*judged, *pair])
        emulation = None if reason else found.emulation(tuple(dict.fromkeys([*judged, *pair])))
        limits = self.ground.protocol.gates
        return tuple(design_gates(emulation, reason, self.shown(judged), [pair], limits))

    def shown(self, names: Sequence[str]) -> tuple[DayBalance, ...]:
        """Return the balance of these strategies, under their own names."""
        own = strict_name(self.ground.protocol.study.primary_order)
        return tuple(
            replace(balance, strategy=name)
            for name in names
            for balance in self.balances.get(STRICT if name == own else name, ())
        )


def _specificity_contrasts(own: str, rivals: Sequence[str], level: float) -> tuple[Contrast, ...]:
    note = f"The interval is simultaneous over {len(rivals)} rival orders (Bonferroni)."
    return (
        *(Contrast(name, NATURAL) for name in (own, *rivals)),
        *(Contrast(own, rival, level, has_ratio=False, note=note) for rival in rivals),
        Contrast(own, IN_ORDER, has_ratio=False, note=OF_COMPLETING),
        Contrast(own, STAGE_5_COMPLETED, has_ratio=False, note=OF_VISITS),
        Contrast(STRICT_IN_CARE, STAGE_5_COMPLETED, has_ratio=False, note=OF_ORDER_IN_CARE),
    )


def _contrast_rows(asked: Asked, answer: Answer, contrast: Contrast) -> list[EstimateRow]:
    pair = contrast.strategy, contrast.comparator
    missing = answer.found.missing(pair)
    emulation = None if missing else answer.found.emulation(pair)
    reason = missing or contrast.note
    rows = [difference_row(asked, *pair, emulation, reason, level=contrast.level)]
    if contrast.has_ratio:
        rows.append(ratio_row(asked, *pair, emulation, reason))
    return [_closed(row, answer.closing(pair)) for row in rows]


def _closed(row: EstimateRow, gates: Sequence[Gate]) -> EstimateRow:
    return row.sealed(sealing_reason(gates)) if failing(gates) else row


def _specificity_verdict(
    emulation: Emulation, own: str, rivals: Sequence[str], level: float
) -> tuple[str, str]:
    """Return whether the primary order does better than every rival, worse than the best, or not.

    It does better when the simultaneous interval against every rival lies below no difference.
    """
    best = min(rivals, key=lambda name: float(emulation[name].curve.risk[-1]))
    against = {name: emulation.difference(own, name, level) for name in rivals}
    nearest = max(rivals, key=lambda name: against[name].high)
    if against[nearest].high < 0.0:
        return LOWER, _specific(own, best, "lies below no difference", len(rivals))
    if against[best].low > 0.0:
        return HIGHER, _specific(own, best, "lies above no difference", len(rivals))
    closest = best if against[best].high >= 0.0 else nearest
    return NO_DIFFERENCE, _specific(own, closest, "covers no difference", len(rivals))


def _specific(own: str, rival: str, lies: str, rivals: int) -> str:
    return (
        f"The interval of the risk difference of {own} against {rival}, simultaneous over {rivals} "
        f"rival orders, {lies}; all gates passed."
    )

"""An estimator that is handed the true probabilities, to hold the planted truth against."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.simulation import SyntheticRegistry

HORIZON = 365
BEYOND = 32_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A weighted estimate with the standard error of a bootstrap of episodes."""

    value: float
    standard_error: float

    def distance_from(self, truth: float) -> float:
        """Return how many standard errors the estimate lies from the truth."""
        return abs(self.value - truth) / self.standard_error


@dataclass(frozen=True)
class Reweighted:
    strict: Estimate
    natural: Estimate
    difference: Estimate
    strict_weights: Floats


def reweigh(registry: SyntheticRegistry, event: str = "reinjury") -> Reweighted:
    """Estimate the risks by inverse probability weights made of the true probabilities."""
    people = _people(registry, event)
    number = people.select("episode_id").with_row_index("row")
    followed = _steps(registry.contacts, number, "loss_probability", from_next_day=True)
    stayed = _steps(registry.decisions, number, "violation_probability", from_next_day=False)
    leaves = people["first_violation_day"].to_numpy()
    never = np.full(len(leaves), BEYOND)
    counts = _resamples(len(leaves), replicates=50)
    natural = _risks(people, np.exp(followed), never, counts)
    strict = _risks(people, np.exp(followed + stayed), leaves, counts)
    last = np.minimum(people["last_day"].to_numpy(), HORIZON)
    at_end = np.exp(stayed[np.arange(len(last)), last])
    return Reweighted(
        strict=_estimate(strict),
        natural=_estimate(natural),
        difference=_estimate(strict - natural),
        strict_weights=at_end[leaves == BEYOND],
    )


def _people(registry: SyntheticRegistry, event: str) -> pl.DataFrame:
    """Return one row an episode: what happened, when, and when the person left strict."""
    events = registry.tables["events"]
    of_interest = events.filter(pl.col("kind") == event)
    competing = events.filter(pl.col("kind").is_in(["surgery", "death"]))
    left = registry.decisions.filter("is_violation").select(
        "episode_id", first_violation_day=pl.col("day").cast(pl.Int64)
    )
    seen = registry.contacts.group_by("episode_id").agg(seen_day=pl.col("day").max())
    return (
        registry.tables["episodes"]
        .select("episode_id")
        .join(_first_day(of_interest, "event_day"), on="episode_id", how="left")
        .join(_first_day(competing, "competing_day"), on="episode_id", how="left")
        .join(left, on="episode_id", how="left")
        .join(seen, on="episode_id")
        .with_columns(pl.col("event_day", "competing_day", "first_violation_day").fill_null(BEYOND))
        .with_columns(last_day=pl.min_horizontal("event_day", "competing_day"))
        .with_columns(
            last_day=pl.when(pl.col("last_day") < BEYOND).then("last_day").otherwise("seen_day")
        )
        .sort("episode_id")
    )


def _first_day(events: pl.DataFrame, name: str) -> pl.DataFrame:
    return events.group_by("episode_id").agg(pl.col("day").min().cast(pl.Int64).alias(name))


def _steps(
    occasions: pl.DataFrame, number: pl.DataFrame, probability: str, *, from_next_day: bool
) -> Floats:
    """Return the log weight of every episode on every day, episodes x (HORIZON + 1)."""
    rows = occasions.join(number, on="episode_id")
    log_weight = np.zeros((number.height, HORIZON + 2))
    day = np.minimum(rows["day"].to_numpy().astype(np.int64) + from_next_day, HORIZON + 1)
    np.add.at(log_weight, (rows["row"].to_numpy(), day), -np.log1p(-rows[probability].to_numpy()))
    return np.cumsum(log_weight[:, :-1], axis=1)


def _resamples(episodes: int, replicates: int) -> Floats:
    """Return how often each episode counts: once, and then in every resample."""
    draws = np.random.default_rng(0).multinomial(
        episodes, np.full(episodes, 1 / episodes), size=replicates
    )
    return np.vstack([np.ones(episodes), draws])


def _risks(
    people: pl.DataFrame, weight: Floats, leaves: NDArray[np.int64], counts: Floats
) -> Floats:
    """Return the risk by the horizon for every row of counts."""
    days = np.arange(HORIZON + 1)
    last = people["last_day"].to_numpy()[:, None]
    weight = weight * ((days <= last) & (days < leaves[:, None]))
    happens = days == last
    event = people["event_day"].to_numpy()[:, None] == days
    at_risk = np.maximum(counts @ weight, 1e-9)
    event_hazard = counts @ (weight * (happens & event)) / at_risk
    competing = (people["competing_day"].to_numpy()[:, None] == days) & ~event
    competing_hazard = counts @ (weight * (happens & competing)) / at_risk
    survival = np.cumprod(1 - event_hazard - competing_hazard, axis=1)
    before = np.hstack([np.ones((len(counts), 1)), survival[:, :-1]])
    return np.asarray((before * event_hazard).sum(axis=1))


def _estimate(risks: Floats) -> Estimate:
    return Estimate(float(risks[0]), float(risks[1:].std(ddof=1)))

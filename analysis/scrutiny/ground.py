"""What every argument about the primary analysis stands on: its rows, its models, its two risks."""

from dataclasses import dataclass

from analysis.contracts.protocol import Protocol
from analysis.emulation.cohort import Cohort, HazardRows, Strategy, natural_course
from analysis.emulation.emulation import Emulation, NotEstimableError
from analysis.emulation.weights import weight_path
from analysis.scrutiny.fits import ArmRisks, CarriedModel, arm_risks, carried
from analysis.study.models import decision_rows, follow_up_rows
from analysis.study.population import Population
from analysis.study.rows import NATURAL, STRICT
from analysis.study.study import OpenStudy
from analysis.study.tables import StudyTables


@dataclass(frozen=True)
class Arms:
    """One cohort's rows and models, and the risks by its horizon under both strategies."""

    cohort: Cohort
    decisions: HazardRows
    follow_up: HazardRows
    staying: CarriedModel
    being_followed: CarriedModel
    strict: ArmRisks
    natural: ArmRisks


@dataclass(frozen=True)
class Ground:
    """The study before sealing, its tables, and the primary analysis' arms."""

    study: OpenStudy
    emulation: Emulation
    tables: StudyTables
    arms: Arms

    @property
    def protocol(self) -> Protocol:
        """Return the study's protocol."""
        return self.study.protocol

    @property
    def population(self) -> Population:
        """Return the study population."""
        return self.study.population

    @property
    def level(self) -> float:
        """Return the level of intervals."""
        return self.study.protocol.bootstrap.interval_level


def ground_of(study: OpenStudy, tables: StudyTables) -> Ground:
    """Return what the arguments stand on; raise `NotEstimableError` without a primary analysis."""
    if study.primary.emulation is None:
        raise NotEstimableError(study.primary.reason)
    arms = arms_of(tables, study.population, study.cohort, study.protocol)
    return Ground(study, study.primary.emulation, tables, arms)


def arms_of(
    tables: StudyTables, population: Population, cohort: Cohort, protocol: Protocol
) -> Arms:
    """Return strict and natural of this cohort, as the primary analysis makes them.

    Raises `NotEstimableError` when the data hold no answer.
    """
    precision, quantile = protocol.weights.ridge_precision, protocol.weights.truncation_quantile
    decisions = decision_rows(tables, population, cohort, protocol)
    follow_up = follow_up_rows(tables, population, cohort, protocol)
    staying = carried(cohort, decisions, precision)
    being_followed = carried(cohort, follow_up, precision)
    strict = weight_path(cohort, Strategy(STRICT, population.violated_on, decisions), follow_up)
    days = [cohort.horizon]
    return Arms(
        cohort,
        decisions,
        follow_up,
        staying,
        being_followed,
        arm_risks(strict, (staying, being_followed), days, quantile=quantile),
        natural_risks(cohort, follow_up, being_followed, protocol),
    )


def natural_risks(
    cohort: Cohort, follow_up: HazardRows, being_followed: CarriedModel, protocol: Protocol
) -> ArmRisks:
    """Return the risk by the horizon with the stages as usually chosen."""
    path = weight_path(cohort, natural_course(cohort.people, NATURAL), follow_up)
    quantile = protocol.weights.truncation_quantile
    return arm_risks(path, (None, being_followed), [cohort.horizon], quantile=quantile)

"""The works that the texts cite, by the words with which a text names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Reference:
    """A cited work: `cited` is how a text names it, `full` where it is found."""

    cited: str
    full: str


REFERENCES: Final = (
    Reference(
        "Andersen et al. 1993",
        "Andersen PK, Borgan O, Gill RD, Keiding N. Statistical Models Based on Counting "
        "Processes. Springer; 1993.",
    ),
    Reference(
        "Benchimol et al. 2015",
        "Benchimol EI, Smeeth L, Guttmann A, et al. The REporting of studies Conducted using "
        "Observational Routinely-collected health Data (RECORD) statement. PLoS Med. "
        "2015;12(10):e1001885.",
    ),
    Reference(
        "Benjamini and Hochberg 1995",
        "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful "
        "approach to multiple testing. J R Stat Soc B. 1995;57(1):289-300.",
    ),
    Reference(
        "Cain et al. 2010",
        "Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA. When to start "
        "treatment? A systematic approach to the comparison of dynamic regimes using "
        "observational data. Int J Biostat. 2010;6(2):18.",
    ),
    Reference(
        "Cashin et al. 2025",
        "Cashin AG, Hansford HJ, Hernán MA, et al. Transparent reporting of observational "
        "studies emulating a target trial: the TARGET statement. JAMA. "
        "2025;334(12):1084-1093.",
    ),
    Reference(
        "Cook and Lawless 2007",
        "Cook RJ, Lawless JF. The Statistical Analysis of Recurrent Events. Springer; 2007.",
    ),
    Reference(
        "Danaei et al. 2013",
        "Danaei G, García Rodríguez LA, Cantero OF, Logan R, Hernán MA. Observational data for "
        "comparative effectiveness research: an emulation of randomised trials of statins and "
        "primary prevention of coronary heart disease. Stat Methods Med Res. 2013;22(1):70-96.",
    ),
    Reference(
        "Deville 1999",
        "Deville JC. Variance estimation for complex statistics and estimators: linearization "
        "and residual techniques. Surv Methodol. 1999;25(2):193-203.",
    ),
    Reference(
        "Efron 1979",
        "Efron B. Bootstrap methods: another look at the jackknife. Ann Stat. 1979;7(1):1-26.",
    ),
    Reference(
        "Hernán 2018",
        "Hernán MA. How to estimate the effect of treatment duration on survival outcomes "
        "using observational data. BMJ. 2018;360:k182.",
    ),
    Reference(
        "Hernán and Robins 2016",
        "Hernán MA, Robins JM. Using big data to emulate a target trial when a randomized trial "
        "is not available. Am J Epidemiol. 2016;183(8):758-764.",
    ),
    Reference(
        "Higgins et al. 2009",
        "Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects "
        "meta-analysis. J R Stat Soc A. 2009;172(1):137-159.",
    ),
    Reference(
        "Kish 1965",
        "Kish L. Survey Sampling. Wiley; 1965.",
    ),
    Reference(
        "Lipsitch et al. 2010",
        "Lipsitch M, Tchetgen Tchetgen E, Cohen T. Negative controls: a tool for detecting "
        "confounding and bias in observational studies. Epidemiology. 2010;21(3):383-388.",
    ),
    Reference(
        "Maringe et al. 2020",
        "Maringe C, Benitez Majano S, Exarchakou A, et al. Reflection on modern methods: trial "
        "emulation in the presence of immortal-time bias. Int J Epidemiol. 2020;49(5):1719-1729.",
    ),
    Reference(
        "Morris et al. 2019",
        "Morris TP, White IR, Crowther MJ. Using simulation studies to evaluate statistical "
        "methods. Stat Med. 2019;38(11):2074-2102.",
    ),
    Reference(
        "Robins and Finkelstein 2000",
        "Robins JM, Finkelstein DM. Correcting for noncompliance and dependent censoring in an "
        "AIDS clinical trial with inverse probability of censoring weighted (IPCW) log-rank "
        "tests. Biometrics. 2000;56(3):779-788.",
    ),
    Reference(
        "Rubin 1987",
        "Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley; 1987.",
    ),
    Reference(
        "Schuemie et al. 2018",
        "Schuemie MJ, Hripcsak G, Ryan PB, Madigan D, Suchard MA. Empirical confidence interval "
        "calibration for population-level effect estimation studies in observational healthcare "
        "data. Proc Natl Acad Sci USA. 2018;115(11):2571-2577.",
    ),
    Reference(
        "Simonsohn et al. 2020",
        "Simonsohn U, Simmons JP, Nelson LD. Specification curve analysis. Nat Hum Behav. "
        "2020;4(11):1208-1214.",
    ),
    Reference(
        "Suissa 2008",
        "Suissa S. Immortal time bias in pharmaco-epidemiology. Am J Epidemiol. "
        "2008;167(4):492-499.",
    ),
    Reference(
        "VanderWeele and Ding 2017",
        "VanderWeele TJ, Ding P. Sensitivity analysis in observational research: introducing "
        "the E-value. Ann Intern Med. 2017;167(4):268-274.",
    ),
    Reference(
        "von Elm et al. 2007",
        "von Elm E, Altman DG, Egger M, et al. The Strengthening the Reporting of Observational "
        "Studies in Epidemiology (STROBE) statement. Lancet. 2007;370(9596):1453-1457.",
    ),
)


def references_in(texts: Sequence[str]) -> tuple[Reference, ...]:
    """Return the works that the texts name, in the order of their authors."""
    whole = "\n".join(texts)
    return tuple(work for work in REFERENCES if work.cited in whole)

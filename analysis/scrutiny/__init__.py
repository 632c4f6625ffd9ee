"""What would have to be true for the primary answer to be wrong: sensitivity, controls, curve."""

from analysis.scrutiny.scrutiny import Scrutiny, scrutinise, sealed_scrutiny

__all__ = ["Scrutiny", "scrutinise", "sealed_scrutiny"]

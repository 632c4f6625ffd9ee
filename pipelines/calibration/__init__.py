"""Simulated registries through the whole study, in many processes, kept as they are finished."""

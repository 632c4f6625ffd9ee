"""Meaning: estimates and pictures from contracted tables; no disk, no clock, no database."""

import os

# The last bits of a matrix product depend on how many threads share it, and two processes that
# spin for two cores slow each other (seen: 25 times). It acts when this is imported before numpy.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

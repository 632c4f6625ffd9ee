"""Meaning: estimates and pictures from contracted tables; no disk, no clock, no database."""

import os

# Sums come out in the same order on every machine, and two processes on two cores do not spin
# against one another (seen: 25 times slower). It acts when this is imported before numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""`nmt run` on 20,000 synthetic episodes, everything included: ingestion, build, analysis with 200
bootstrap replicates in which every model is refitted, release and pages. Wall seconds, because
an owner waits for them; peak memory of the largest process.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.measuring import Mark, as_markdown, cost_of

EPISODES = 20_000
SECONDS_AT_MOST = 180.0


def measure(episodes: int = EPISODES) -> list[Mark]:
    """Simulate a delivery, then time one run of the whole line on it."""
    with tempfile.TemporaryDirectory(prefix="nmt-run-") as folder:
        delivery = Path(folder) / "raw" / "delivery"
        delivery.parent.mkdir()
        simulated = cost_of(
            "pipelines.cli",
            f"simulate {delivery} --episodes {episodes} --clinics 12 --seed 7"
            " --scenario protective".split(),
        )
        run = cost_of("pipelines.cli", ["--data", folder, "run"])
    name = f"run on {episodes:,} episodes"
    return [
        Mark(name, run.wall_seconds, SECONDS_AT_MOST, "s", f"{run.cpu_seconds:.0f} CPU s"),
        Mark(f"{name}, peak memory", run.peak_mb, 4096.0, "MB", "largest process"),
        Mark(
            "simulating them, truth included",
            simulated.wall_seconds,
            120.0,
            "s",
            f"{simulated.cpu_seconds:.0f} CPU s",
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    print(as_markdown(measure(parser.parse_args().episodes)))

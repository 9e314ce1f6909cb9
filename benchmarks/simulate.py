"""
Simulated storm boxes a second, of each stream: some on one core, or many on all.

    python benchmarks/simulate.py [--boxes 1331] [--repeat 3]
    python benchmarks/simulate.py --boxes 8000
"""

import argparse
import time

from stormlens.datasets._simulated import load_simulated

STREAMS = ("simulated", "simulated-wide", "simulated-held-out", "simulated-v1")


def main() -> None:
    """Print the slowest and the fastest repeat of each stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=1331)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for stream in STREAMS:
        load_simulated("train", count=1, stream=stream)  # the textures are made once for a seed
        rates = []
        for _ in range(options.repeat):
            start = time.perf_counter()
            load_simulated("train", count=options.boxes, stream=stream)
            rates.append(options.boxes / (time.perf_counter() - start))
        print(f"{stream}: {min(rates):.0f} to {max(rates):.0f} boxes a second")


if __name__ == "__main__":
    main()

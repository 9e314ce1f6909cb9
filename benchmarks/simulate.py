"""
Simulated storm boxes a second, of each stream: some on one core, or many on all.

    python benchmarks/simulate.py [--boxes 1331] [--repeat 3]
    python benchmarks/simulate.py --boxes 8000
"""

import argparse
import time

from stormlens import datasets

STREAMS = ("simulated", "simulated-wide", "simulated-held-out", "simulated-v1")


def main() -> None:
    """Print the slowest and the fastest repeat of each stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=1331)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for stream in STREAMS:
        datasets.load(stream, "train", count=1)  # the textures are made once for a seed
        rates = []
        for _ in range(options.repeat):
            start = time.perf_counter()
            datasets.load(stream, "train", count=options.boxes)
            rates.append(options.boxes / (time.perf_counter() - start))
        print(f"{stream}: {min(rates):.0f} to {max(rates):.0f} boxes a second")


if __name__ == "__main__":
    main()

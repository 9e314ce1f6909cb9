"""
Simulated storm boxes a second, at the archive's class frequencies.

    python benchmarks/simulate.py [--boxes 1331] [--repeat 3]
"""

import argparse
import os
import time

from stormlens.datasets._simulated import load_simulated


def main() -> None:
    """Print the rate of each repeat and the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=1331)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    load_simulated("train", count=1)  # the textures are made once for a seed
    rates = []
    for _ in range(options.repeat):
        start = time.perf_counter()
        load_simulated("train", count=options.boxes)
        rates.append(options.boxes / (time.perf_counter() - start))
        print(f"{rates[-1]:.0f} boxes a second")
    print(f"best {max(rates):.0f} boxes a second, on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

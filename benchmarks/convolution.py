"""
Where direct sums, GEMM and the FFT cross as kernels grow.

    python benchmarks/convolution.py

Measures the chapter's layer, 32 kernels on an image of 136 x 136, in the plain NumPy of
`stormlens.concepts`: milliseconds and million multiplications, in Markdown, the fastest in bold.
Winograd's method is made for 3 x 3 alone. Draws ``benchmarks/convolution.png``.
"""

from pathlib import Path

from stormlens import concepts, plots

SIZES = (3, 5, 7, 9, 11, 15, 21, 31)
METHODS = ("direct", "gemm", "fft", "winograd")


def main() -> None:
    """Measure, print and draw."""
    timings = concepts.time_methods(SIZES, methods=METHODS, repeats=9)
    held = {(timing.method, timing.size): timing for timing in timings}
    print(f"| kernel | {' | '.join(METHODS)} |")
    print(f"| --- |{' ---: |' * len(METHODS)}")
    for size in SIZES:
        row = [held.get((method, size)) for method in METHODS]
        fastest = min(timing.seconds for timing in row if timing)
        cells = [_cell(timing, fastest) for timing in row]
        print(f"| {size} x {size} | {' | '.join(cells)} |")
    figure = plots.convolution_crossover(timings).figure
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


def _cell(timing: concepts.Timing | None, fastest: float) -> str:
    if timing is None:
        return ""
    bold = "**" if timing.seconds == fastest else ""
    milliseconds = f"{bold}{1e3 * timing.seconds:.2f} ms{bold}"
    return f"{milliseconds}, {timing.multiplications / 1e6:.1f} M"


if __name__ == "__main__":
    main()

"""``python -m stormlens``: the command line, where no script is on the path."""

from stormlens.cli import run

if __name__ == "__main__":
    run()

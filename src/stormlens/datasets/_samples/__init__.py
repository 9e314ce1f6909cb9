"""Simulated files of every kind that Stormlens reads, to try a command on."""

from stormlens.datasets._samples._folder import write_samples

__all__ = ["write_samples"]

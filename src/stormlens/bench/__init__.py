"""
Stormlens compared with installed peers, on this machine.

Every contender is a separate process with its own peak memory. All of them work
on the same boxes and take turns, one pass over the images each, so that a drift
of the machine's speed affects them alike. The machine's own limits are measured
in the same rounds; they give the time that no program can beat (the roofline).
Importing this package loads none of the libraries it measures.
"""

from stormlens.bench._contenders import PEERS, TASKS
from stormlens.bench._network import Layer, describe
from stormlens.bench._results import Bound, Measurement, Results
from stormlens.bench._roofline import Machine, Work, epoch_seconds, measure_machine, work
from stormlens.bench._run import Settings, run
from stormlens.bench._tables import Table, machine_sentence, method_sentences, tables
from stormlens.bench._write import PICTURE, read_document, replace_section, write_results

__all__ = [
    "PEERS",
    "PICTURE",
    "TASKS",
    "Bound",
    "Layer",
    "Machine",
    "Measurement",
    "Results",
    "Settings",
    "Table",
    "Work",
    "describe",
    "epoch_seconds",
    "machine_sentence",
    "measure_machine",
    "method_sentences",
    "read_document",
    "replace_section",
    "run",
    "tables",
    "work",
    "write_results",
]

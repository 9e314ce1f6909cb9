"""The libraries of the extra `archive`, or the sentence that says how to get them."""

from functools import partial

from stormlens.errors import import_extra

need = partial(import_extra, opening="Archive runs need", extra="archive")

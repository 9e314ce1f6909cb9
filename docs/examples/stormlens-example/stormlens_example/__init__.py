"""A reader, a network and a score for Stormlens, each in a module that is imported when used."""

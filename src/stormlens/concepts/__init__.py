"""The ideas of the chapter as small exact functions."""

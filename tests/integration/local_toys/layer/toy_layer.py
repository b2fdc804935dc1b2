"""A layer, to be found on the functions' path."""

NAME = "toy"

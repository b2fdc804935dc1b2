"""A module that cannot be loaded."""

raise ImportError("this module is broken")

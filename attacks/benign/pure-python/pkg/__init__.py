"""A package that greets."""

__version__ = "1.0"

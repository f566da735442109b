"""The greeting."""


def greet(name):
    """Greets by name."""
    return f"Hello, {name}."

"""Notebook cells as cached nodes of a dependency graph."""

__version__ = "0.1.0"

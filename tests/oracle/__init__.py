"""Random notebooks and random edits, run with the extension and without, and compared.

``python -m tests.oracle --notebooks 100 --seed 1`` generates notebooks from a grammar, edits them,
runs every state both ways, and reports where the two differ and where work was done in vain.
"""

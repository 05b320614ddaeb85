"""Random notebooks and random edits: our warm runs against plain IPython's cold ones."""

"""Notebooks that this project did not write, run with and without nbtrack.

They are the examples in the source distributions of other packages, made into notebooks in a cache folder and never
committed. ``heavy/transparency`` compares what they give, ``benchmarks/capture.py`` what it costs and how much of it
nbtrack has found.
"""

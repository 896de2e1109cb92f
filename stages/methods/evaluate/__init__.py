"""Algorithms of `evaluate`: values in, values out, no files."""

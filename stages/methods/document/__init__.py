"""Algorithms of `document`: values in, values out, no files."""

"""Algorithms of `split`: values in, values out, no files."""

"""Algorithms of `audit`: values in, values out, no files."""

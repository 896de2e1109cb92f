"""Algorithms of `check_labels`: values in, values out, no files."""

"""Algorithms of `scrub_pii`: values in, values out, no files."""

"""Algorithms of `deduplicate`: values in, values out, no files."""

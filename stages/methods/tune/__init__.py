"""Algorithms of `rowtrail tune`: values in, values out, no files."""

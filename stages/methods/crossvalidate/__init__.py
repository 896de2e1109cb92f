"""Algorithms of `rowtrail crossvalidate`: values in, values out, no files."""

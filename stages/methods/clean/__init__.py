"""Algorithms of `clean`: values in, values out, no files."""

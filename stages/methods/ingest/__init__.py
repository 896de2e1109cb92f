"""Algorithms of `ingest`: values in, values out, no files."""

"""Rowtrail: one file a stage, and the floors below them."""

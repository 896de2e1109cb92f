"""Erasure: what to look for, finding it in tables and bytes, and comparing what was there before with what is now."""

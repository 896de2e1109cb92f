"""Answers: stretches of a context, and written ones."""

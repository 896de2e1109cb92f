"""Differential privacy: what a training may cost, how it is trained so, and how that is proven."""

"""Attestations: statements about what a model was made from, in the formats of in-toto, SLSA and DSSE."""

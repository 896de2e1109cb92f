"""For each task: rows to learn from, rows that are broken, and a tiny base model."""

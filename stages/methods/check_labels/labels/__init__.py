"""Labels and sets of labels."""

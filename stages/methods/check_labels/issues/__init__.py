"""What is wrong with data beside its labels."""

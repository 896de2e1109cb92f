"""What stands in a text instead of personal data."""

"""Find personal data in texts."""

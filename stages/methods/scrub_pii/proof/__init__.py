"""Look for what was missed, and measure it."""

"""What a policy about suspects brings."""

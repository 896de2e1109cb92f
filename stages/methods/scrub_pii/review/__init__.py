"""What people say of single findings."""

"""What people say of labels in doubt."""

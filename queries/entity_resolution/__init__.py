"""Find entities that are the same thing under several names."""

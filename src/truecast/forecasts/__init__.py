"""What was said about the future, kept so that nobody can change it, and what became of it."""

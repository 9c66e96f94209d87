"""What clients read, what they look for, and in which order."""

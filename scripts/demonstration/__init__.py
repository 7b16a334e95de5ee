"""What scripts/demo runs."""

"""What a pool does about what happens to it: decisions alone, no I/O and no clock."""

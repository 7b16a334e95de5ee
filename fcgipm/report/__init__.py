"""What the daemon is doing, as plain values, and how it is told: JSON for programs, a table for people."""

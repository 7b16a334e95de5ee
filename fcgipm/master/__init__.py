"""The master: one loop that keeps the pools as they should be. It never imports or runs application code and has no threads."""

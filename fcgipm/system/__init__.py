"""Second floor: what touches the operating system. Each module is imported for itself alone; the master takes only the small ones."""

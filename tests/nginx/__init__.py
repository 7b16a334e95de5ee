"""Through a real nginx, on the configuration files as they are shipped."""

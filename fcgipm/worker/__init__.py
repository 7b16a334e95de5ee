"""The worker side: everything here runs under the pool's own Python, as the pool's user. Standard library alone, CPython 3.9 on."""

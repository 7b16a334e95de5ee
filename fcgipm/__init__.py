"""fcgipm: a FastCGI process manager for Python applications.

This file is loaded inside every worker, under the pool's own Python: it must stay empty but for the version.
"""

__version__ = "0.1.0"

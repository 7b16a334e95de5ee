"""What scripts/simulate is made of: fcgipm's own scaling beside models of php-fpm's and uWSGI's, on a simulated clock.

Top down: ``__main__`` reads the command line; ``compare``, ``sweep`` and ``fleet`` are the three commands; ``scenarios`` and ``recorded`` say what comes in;
``breathing`` is fcgipm, ``php_fpm`` and ``uwsgi`` are the peers, ``algorithms`` lists them all; ``site`` is the queue and the workers that all of them
share, ``record`` what is written down, ``clock`` the time. Nothing here waits, and the same seed gives the same figures.
"""

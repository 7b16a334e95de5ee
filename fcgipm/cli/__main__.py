"""`python -m fcgipm.cli`: the command line without the installed script."""

from fcgipm.cli import main

main()

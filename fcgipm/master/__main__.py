"""``python -m fcgipm.master FILE``: what ``fcgipm run`` becomes. Started by it alone: it makes this process the subreaper of its workers first."""

import sys

from fcgipm.master.start import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

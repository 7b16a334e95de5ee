"""What ``fcgipm run`` becomes. Started by it alone: it makes this process the subreaper of its workers first.

    python -m fcgipm.master FILE            serve
    python -m fcgipm.master --rehearse FD   take over the state in a memory file, serve nobody
    python -m fcgipm.master --resume FD     take it over and serve: after an exec
"""

import os
import sys

from fcgipm.master.start import main, rehearse, resume

if __name__ == "__main__":
    if sys.argv[1] == "--rehearse":
        code = rehearse(int(sys.argv[2]))
        sys.stdout.flush()
        os._exit(code)  # Nothing may be tidied up: it all belongs to the other.
    sys.exit(resume(int(sys.argv[2])) if sys.argv[1] == "--resume" else main(sys.argv[1]))

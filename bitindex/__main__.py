"""``python -m bitindex`` is the ``bitindex`` command."""

import sys

from bitindex.cli import main

if __name__ == "__main__":
    sys.exit(main())

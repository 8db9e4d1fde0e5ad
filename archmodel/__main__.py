"""``python -m archmodel`` is the command ``archmodel``."""

import sys

from archmodel.cli import main

if __name__ == "__main__":
    sys.exit(main())

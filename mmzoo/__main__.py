"""`python -m mmzoo` is the `mmzoo` command."""

import sys

from mmzoo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

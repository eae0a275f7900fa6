"""`python -m tinygrad_edu` is the same as `tinygrad-edu`."""

import sys

from tinygrad_edu.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())

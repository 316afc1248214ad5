"""`python -m capture.guard` is `nightcal guard`, and nothing of nightcal beside it."""

import sys

from capture.guard.process import main

if __name__ == "__main__":
    sys.exit(main())

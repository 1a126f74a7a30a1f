"""Write the loan book and the incoming files: ``python -m helpers.world data/``."""

import sys
from pathlib import Path

from helpers.world import write

if len(sys.argv) != 2:
    raise SystemExit("usage: python -m helpers.world FOLDER (the project's is data/)")
for path in write(Path(sys.argv[1])):
    print(path)

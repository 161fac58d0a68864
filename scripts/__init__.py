"""medner's commands: a folder for each stage, run as `python -m scripts.STAGE`."""

import sys

# weasel hashes every file of a folder that is a dependency, .pyc files too: with bytecode in it a command that ran
# would count as changed by its own run.
sys.dont_write_bytecode = True

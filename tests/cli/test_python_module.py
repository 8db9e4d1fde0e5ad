"""``python -m archmodel`` is the command."""

import subprocess
import sys
from importlib.metadata import version


def test_the_package_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "archmodel", "--version"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{version('archmodel')}\n", "")

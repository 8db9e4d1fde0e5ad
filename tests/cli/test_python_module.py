"""``python -m archmodel`` is the command."""

import subprocess
import sys

import archmodel


def test_the_package_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "archmodel", "--version"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{archmodel.__version__}\n", "")

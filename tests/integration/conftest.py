# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the integration tests: the programs of build/host/bin on free ports of this host."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from daemons import Registrard  # noqa: E402


@pytest.fixture
def registrard(tmp_path):
    """A registrar that keeps pool elements alive quickly: every 300 ms, dead after 600 ms without an answer."""
    daemon = Registrard(tmp_path, "keep-alive = { interval = 300; timeout = 600; };")
    yield daemon
    if daemon.alive():
        assert daemon.stop() == 0, daemon.output()

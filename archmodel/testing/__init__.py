"""Contract suites: what machines, operator kinds, models and searches must hold, importable by plug-ins (needs pytest).

Subclass a suite, give its fixture, and pytest runs it::

    class TestMyChip(MachineContract):
        @pytest.fixture
        def machine(self):
            return am.machine("my_chip.yaml")
"""

from archmodel.testing.contracts import MachineContract, ModelContract, OperatorContract
from archmodel.testing.searches import SearchContract

__all__ = ["MachineContract", "ModelContract", "OperatorContract", "SearchContract"]

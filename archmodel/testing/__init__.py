"""Contract suites: what every machine, operator kind and model must hold, importable by plug-ins (needs pytest).

Subclass a suite, give its fixture, and pytest runs it::

    class TestMyChip(MachineContract):
        @pytest.fixture
        def machine(self):
            return am.machine("my_chip.yaml")
"""

from archmodel.testing.contracts import MachineContract, ModelContract, OperatorContract

__all__ = ["MachineContract", "ModelContract", "OperatorContract"]

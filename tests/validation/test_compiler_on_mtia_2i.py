"""What ISCA 2025 (MTIA 2i) reports of placement and fusion, on ranking models with hypothetical dims.

Dims of the models are not published, so the sign and the size of an effect can be compared, not a latency. Deviations
are in ``docs/methods/validation.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import archmodel as am
from archmodel.mapping.fusion import RULES, fuse
from archmodel.models import counted

WORKLOADS = Path(am.__file__).parents[1] / "workloads"


def changed(name: str, folder: Path, change) -> am.Trace:
    """Build a workload from its file with another model."""
    description = yaml.safe_load((WORKLOADS / f"{name}.yaml").read_text())
    change(description["model"])
    description["published"] = []
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(description))
    return am.workload(path)


def latency_s(trace: am.Trace) -> float:
    return am.evaluate(am.machine("mtia_2i"), trace, model="cycle").latency_s


def test_remote_inputs_tripled_spill_the_activation_buffer(tmp_path, record_property):
    """Section 6: throughput fell by 90 % when the activation buffer no longer fitted the SRAM."""

    def times(n_fold):
        def change(model):
            tables = model["tables"]
            model["tables"] = tables | {"n_tables": n_fold * tables["n_tables"], "is_remote": True}

        return change

    once, thrice = (changed("recommendation/mtia_lc1", tmp_path, times(n)) for n in (1, 3))
    sram_bytes = am.machine("mtia_2i").sram.capacity_bytes
    assert max(once.live_bytes) < sram_bytes < max(thrice.live_bytes)
    fall = latency_s(once) / latency_s(thrice) - 1
    record_property("fall", f"{fall:+.1%}")
    assert fall == pytest.approx(-0.90, abs=0.05)


def test_deferring_the_broadcast_of_users_helps(tmp_path, record_property):
    """Section 6: +17 % on one model, section 4.2: footprint up to halved. The gain here is less; dims are unknown."""

    def early(model):
        model["users"]["is_deferred"] = False

    before, after = changed("recommendation/mtia_ibb", tmp_path, early), am.workload("recommendation/mtia_ibb")
    gain = latency_s(before) / latency_s(after) - 1
    record_property("gain", f"{gain:+.1%}")
    assert max(before.live_bytes) / max(after.live_bytes) == pytest.approx(2.0, abs=0.15)
    assert 0.015 < gain < 0.17  # the published +17 % is not reached


def test_siblings_behind_a_transpose_gain(monkeypatch, record_property):
    """Section 4.2: up to +15 % from transposing once for sibling layers; most that any shipped model gains here."""
    gains = {}
    for name in ("mtia_hc1", "mtia_lc1", "wukong_dhen"):
        trace = am.workload(f"recommendation/{name}")
        monkeypatch.setattr(counted, "fuse", lambda trace, rules=RULES: fuse(trace, ("tails",)))
        apart_s = latency_s(trace)
        monkeypatch.setattr(counted, "fuse", fuse)
        gains[name] = apart_s / latency_s(trace) - 1
    record_property("gains", ", ".join(f"{name} {gain:+.1%}" for name, gain in gains.items()))
    assert min(gains.values()) > 0.01
    assert max(gains.values()) < 0.15  # the published +15 % is not reached: look-ups take most of the time

"""The model of the instruction set against small functions that say the same in other words."""

from __future__ import annotations

from fractions import Fraction
from math import trunc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.verify.riscv import BRANCHES, TABLE, Context, decode, encode
from archmodel.verify.riscv_programs import draw_every, draw_random, split

corners = st.sampled_from([0, 1, 2, 31, 32, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
values = st.one_of(corners, st.integers(0, 0xFFFF_FFFF))
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def int32(value):
    return int(np.array(value & 0xFFFF_FFFF, np.uint32).view(np.int32))


def to_zero(x, y, by_zero):
    return trunc(Fraction(x, y)) if y else by_zero


def bits(value):
    return [value >> i & 1 for i in range(32)]


def joined(digits):
    return sum(digit << i for i, digit in enumerate(digits))


# Operands are unsigned 32 bits; results count modulo 2^32
MEANING = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a + (b ^ 0xFFFF_FFFF) + 1,
    "sll": lambda a, b: a * 2 ** (b % 32),
    "srl": lambda a, b: a // 2 ** (b % 32),
    "sra": lambda a, b: int32(a) // 2 ** (b % 32),
    "slt": lambda a, b: (a ^ 0x8000_0000) < (b ^ 0x8000_0000),
    "sltu": lambda a, b: a < b,
    "xor": lambda a, b: joined(x != y for x, y in zip(bits(a), bits(b), strict=True)),
    "or": lambda a, b: joined(max(x, y) for x, y in zip(bits(a), bits(b), strict=True)),
    "and": lambda a, b: joined(min(x, y) for x, y in zip(bits(a), bits(b), strict=True)),
    "mul": lambda a, b: a * b,
    "mulh": lambda a, b: int32(a) * int32(b) // 2**32,
    "mulhsu": lambda a, b: int32(a) * b // 2**32,
    "mulhu": lambda a, b: a * b // 2**32,
    "div": lambda a, b: to_zero(int32(a), int32(b), -1),
    "divu": lambda a, b: to_zero(a, b, 2**32 - 1),
    "rem": lambda a, b: int32(a) - int32(b) * to_zero(int32(a), int32(b), 0),
    "remu": lambda a, b: a - b * to_zero(a, b, 0),
}
CONDITION = {
    "beq": lambda a, b: not a ^ b,
    "bne": lambda a, b: bool(a ^ b),
    "blt": lambda a, b: int32(a) - int32(b) < 0,
    "bge": lambda a, b: int32(a) - int32(b) >= 0,
    "bltu": lambda a, b: a - b < 0,
    "bgeu": lambda a, b: a - b >= 0,
}


def execute(name, a=0, b=0, immediate=0, memory=None):
    context = Context([], memory if memory is not None else [0] * 16)
    context.x[1], context.x[2] = a, b
    context.execute(decode(encode(name, 3, 1, 2, immediate)))
    return context


def test_every_arithmetic_instruction_has_a_meaning():
    assert {name for name, row in TABLE.items() if row[0] == "R"} == set(MEANING)
    assert set(BRANCHES) == set(CONDITION)


@pytest.mark.parametrize("name", MEANING)
@QUICK
@given(a=values, b=values)
def test_arithmetic_of_registers(name, a, b):
    assert execute(name, a, b).x[3] == int(MEANING[name](a, b)) % 2**32


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row[1] == 0x13])
@QUICK
@given(a=values, immediate=st.integers(-2048, 2047))
def test_arithmetic_of_immediates(name, a, immediate):
    operation = {"sltiu": "sltu"}.get(name, name[:-1])
    operand = immediate % 32 if TABLE[name][0] == "shift" else immediate % 2**32
    assert execute(name, a, immediate=immediate).x[3] == int(MEANING[operation](a, operand)) % 2**32


@pytest.mark.parametrize("name", BRANCHES)
@QUICK
@given(a=values, b=values, offset=st.integers(-2048, 2047))
def test_branches(name, a, b, offset):
    context = execute(name, a, b, 2 * offset)
    assert context.pc == (2 * offset % 2**32 if CONDITION[name](a, b) else 4)


@QUICK
@given(a=values, immediate=st.integers(-2048, 2047), far=st.integers(-(1 << 19), (1 << 19) - 1))
def test_jumps_and_upper_immediates(a, immediate, far):
    jump = execute("jalr", a, immediate=immediate)
    assert (jump.pc, jump.x[3]) == ((a + immediate) % 2**32 // 2 * 2, 4)
    jump = execute("jal", immediate=2 * far)
    assert (jump.pc, jump.x[3]) == (2 * far % 2**32, 4)
    assert execute("lui", immediate=far << 12).x[3] == (far << 12) % 2**32
    assert execute("auipc", immediate=far << 12).x[3] == (far << 12) % 2**32


@QUICK
@given(content=st.binary(min_size=64, max_size=64), at=st.integers(0, 15), part=st.integers(0, 3), value=values)
def test_loads_and_stores_move_bytes(content, at, part, value):
    for size, name in ((1, "b"), (2, "h"), (4, "w")):
        address = 4 * at + part // size * size
        words = np.frombuffer(content, "<u4").tolist()
        chosen = content[address : address + size]
        assert execute(f"l{name}", address, memory=words).x[3] == int.from_bytes(chosen, "little", signed=True) % 2**32
        if size < 4:
            assert execute(f"l{name}u", address, memory=words).x[3] == int.from_bytes(chosen, "little")
        execute(f"s{name}", address, value, memory=words)
        stored = content[:address] + value.to_bytes(4, "little")[:size] + content[address + size :]
        assert np.array(words, "<u4").tobytes() == stored


@QUICK
@given(
    words=st.lists(values, min_size=4, max_size=4), steps=st.lists(values, min_size=4, max_size=4), n=st.integers(0, 5)
)
def test_repeats_push_what_advances(words, steps, n):
    context = Context([], [0])
    for name, row in (("set", words), ("step", steps)):
        for half in range(2):
            context.x[1], context.x[2] = row[2 * half : 2 * half + 2]
            context.execute(decode(encode(name, 5, 1, 2, half)))
    context.x[1] = n
    context.execute(decode(encode("repeat", 5, 1, 0, 9)))
    assert context.commands == [
        (9, [(word + i * step) % 2**32 for word, step in zip(words, steps, strict=True)]) for i in range(n)
    ]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), is_auto=st.booleans(), is_random=st.booleans())
def test_drawn_programs_halt_and_x0_stays_0(seed, is_auto, is_random):
    rng, has = np.random.default_rng(seed), {"is_auto": is_auto, "n_slots": 4}
    programs = [draw_random(rng, 60, 256 * c, **has) if is_random else draw_every(rng, 256 * c, **has) for c in (0, 1)]
    words, memory = split(programs), [0] * 1024
    for c in (0, 1):
        context = Context(words, memory, c, is_auto, 4)
        context.run(20_000)
        assert context.x[0] == 0
        assert all(row.instruction.name != "illegal" for row in context.retired[:-1])
        assert len(context.trace()) == len(context.retired)
    assert not any(memory[2 * 64 :])

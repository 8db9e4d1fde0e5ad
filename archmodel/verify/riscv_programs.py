"""Draw programs for the hardware block ``riscv_core``: random ones, and ones that try every instruction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archmodel.verify.riscv import (
    AUTO_NAMES,
    BRANCHES,
    LOAD_NAMES,
    PRODUCTS,
    QUOTIENTS,
    STORE_NAMES,
    TABLE,
    encode,
)

CORNERS = (0, 1, 2, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFF, 0xFFFF_FFFE, 0x5555_5555, 31, 32)
DATA_WORDS = 64
"""Words of data memory that a program reads and writes, from its base on."""
_DATA, _LINK, _COUNT, _TIMES, _HERE = 31, 30, 29, 28, 27  # registers with a purpose; 0 to 15 are for anything
_REGISTER_NAMES = tuple(name for name, row in TABLE.items() if row[0] == "R" and row[3] != 1)
_IMMEDIATE_NAMES = tuple(name for name, row in TABLE.items() if row[1] == 0x13)


class Program:
    """A program that is being written, instruction by instruction.

    Parameters
    ----------
    rng
        From which all choices are drawn.
    is_auto, n_slots
        What the core has.
    """

    def __init__(self, rng: np.random.Generator, *, is_auto: bool, n_slots: int) -> None:
        self.rng, self.is_auto, self.n_slots = rng, is_auto, n_slots
        self.words: list[int] = []

    def put(self, name: str, rd: int = 0, rs1: int = 0, rs2: int = 0, immediate: int = 0) -> None:
        """Append an instruction."""
        self.words.append(encode(name, rd, rs1, rs2, immediate))

    def put_value(self, register: int, value: int) -> None:
        """Append what brings 32 bits into a register."""
        low = (value & 0xFFF ^ 0x800) - 0x800
        self.put("lui", register, immediate=value - low)
        self.put("addi", register, register, immediate=low)

    def draw_value(self) -> int:
        """Draw 32 bits: a corner or any."""
        return int(self.rng.choice(CORNERS) if self.rng.random() < 0.5 else self.rng.integers(1 << 32))

    def begin(self, base: int) -> None:
        """Fill the registers, and let one point to the data."""
        for register in range(1, 16):
            self.put_value(register, self.draw_value())
        self.put_value(_DATA, base)

    def any_register(self) -> int:
        """Draw one of the registers for anything, few at a time, so that instructions depend on each other."""
        return int(self.rng.integers(16) if self.rng.random() < 0.5 else self.rng.integers(4))

    def put_plain(self) -> None:
        """Append an instruction that does not jump."""
        rng, rd, a, b = self.rng, self.any_register(), self.any_register(), self.any_register()
        kind = rng.choice(8, p=[0.22, 0.2, 0.16, 0.12, 0.08, 0.04, 0.14, 0.04])
        if kind == 0:
            self.put(str(rng.choice(_REGISTER_NAMES)), rd, a, b)
        elif kind == 1:
            self.put(str(rng.choice(_IMMEDIATE_NAMES)), rd, a, 0, int(rng.integers(-2048, 2048)))
        elif kind == 2:
            self.put_access(str(rng.choice(LOAD_NAMES)), rd)
        elif kind == 3:
            self.put_access(str(rng.choice(STORE_NAMES)), rd)
        elif kind == 4:
            self.put(str(rng.choice(PRODUCTS)), rd, a, b)
        elif kind == 5:
            self.put(str(rng.choice(QUOTIENTS)), rd, a, b)
        elif kind == 6:
            self.put_command()
        else:
            name = str(rng.choice(["lui", "auipc", "fence", "who"]))
            self.put(
                name, rd, immediate=int(rng.integers(-(1 << 19), 1 << 19)) << 12 if name in ("lui", "auipc") else 0
            )

    def put_access(self, name: str, register: int) -> None:
        """Append a load or a store of the program's data."""
        size = {"b": 1, "h": 2, "w": 4}[name[1]]
        offset = size * int(self.rng.integers(4 * DATA_WORDS // size))
        if name in LOAD_NAMES:
            self.put(name, register, _DATA, 0, offset)
        else:
            self.put(name, 0, _DATA, register, offset)

    def put_command(self) -> None:
        """Append an instruction about commands that the core knows."""
        names = ["set", "push", "push", *(AUTO_NAMES if self.is_auto else ())]
        name, slot = str(self.rng.choice(names)), int(self.rng.integers(self.n_slots))
        if name == "repeat":
            self.put("addi", _TIMES, 0, 0, int(self.rng.integers(6)))
            self.put(name, slot, _TIMES, 0, int(self.rng.integers(128)))
        elif name == "push":
            self.put(name, slot, 0, 0, int(self.rng.integers(128)))
        else:
            self.put(name, slot, self.any_register(), self.any_register(), int(self.rng.integers(2)))

    def put_some(self, most: int) -> None:
        """Append up to so many instructions that do not jump, at least one."""
        for _ in range(self.rng.integers(1, most + 1)):
            self.put_plain()

    def put_branch(self) -> None:
        """Append a branch over a few instructions."""
        at = len(self.words)
        self.words.append(0)
        self.put_some(3)
        name, a, b = str(self.rng.choice(BRANCHES)), self.any_register(), self.any_register()
        self.words[at] = encode(name, 0, a, b, 4 * (len(self.words) - at))

    def put_jump(self) -> None:
        """Append a jump over a few instructions, half of them through a register."""
        is_direct = self.rng.random() < 0.5
        if not is_direct:
            self.put("auipc", _HERE)
        at = len(self.words)
        self.words.append(0)
        self.put_some(2)
        offset = 4 * (len(self.words) - at)
        odd = int(self.rng.integers(2))  # the lowest bit of such a target is dropped
        self.words[at] = (
            encode("jal", _LINK, immediate=offset) if is_direct else encode("jalr", _LINK, _HERE, 0, offset + 4 + odd)
        )

    def put_loop(self) -> None:
        """Append a loop of a few rounds."""
        self.put("addi", _COUNT, 0, 0, int(self.rng.integers(1, 5)))
        start = len(self.words)
        self.put_some(5)
        self.put("addi", _COUNT, _COUNT, 0, -1)
        self.put("bne", 0, _COUNT, 0, 4 * (start - len(self.words)))

    def end(self) -> None:
        """Append what halts the core."""
        names = ["ecall", "ebreak", "illegal"]
        name = str(self.rng.choice(names))
        self.words.append(draw_illegal(self) if name == "illegal" else encode(name))


def draw_illegal(program: Program) -> int:
    """Draw a word that is no instruction of the core."""
    words = [0, encode("add") | 1 << 26, encode("slli") | 1 << 30, encode("jalr") | 1 << 12, encode("beq") | 2 << 12]
    words += [encode("lw") | 1 << 12, encode("lbu") | 2 << 12, encode("sw") | 1 << 12, encode("ecall") | 1 << 25]
    words += [encode("set") | 1 << 26, encode("who") | 1 << 12, encode("and") | 0x20 << 25, 0xFFFF_FFFF]
    if program.n_slots < 32:
        words += [encode("push", program.n_slots), encode("set", 31)]
    if not program.is_auto:
        words += [encode("step"), encode("repeat")]
    return int(program.rng.choice(words))


def draw_random(rng: np.random.Generator, n: int, base: int, *, is_auto: bool, n_slots: int) -> list[int]:
    """Draw a program of about ``n`` instructions that uses the data from ``base`` on and always halts."""
    program = Program(rng, is_auto=is_auto, n_slots=n_slots)
    program.begin(base)
    while len(program.words) < n + 32:
        parts = [program.put_plain, program.put_branch, program.put_jump, program.put_loop]
        rng.choice(np.array(parts, object), p=[0.7, 0.15, 0.08, 0.07])()
    program.end()
    return program.words


def draw_every(rng: np.random.Generator, base: int, *, is_auto: bool, n_slots: int) -> list[int]:
    """Draw a program that tries every instruction once, in random order, on corner values."""
    program = Program(rng, is_auto=is_auto, n_slots=n_slots)
    program.begin(base)
    names = [name for name, row in TABLE.items() if row[0] != "whole" and (is_auto or name not in AUTO_NAMES)]
    for name in rng.permutation(names):
        _try(program, str(name))
    program.end()
    return program.words


def _try(program: Program, name: str) -> None:
    """Append one instruction after setting its operands."""
    form, a, b = TABLE[name][0], 1 + int(program.rng.integers(7)), 8 + int(program.rng.integers(8))
    rd = int(program.rng.integers(16))
    if name in LOAD_NAMES or name in STORE_NAMES:
        program.put_access(name, rd)
        return
    values = (program.draw_value(), program.draw_value())
    if name in QUOTIENTS and program.rng.random() < 0.5:  # by zero, or beyond what 32 bits hold
        values = [(values[0], 0), (0x8000_0000, 0xFFFF_FFFF)][program.rng.integers(2)]
    if form in ("R", "B", "shift", "I") and name not in ("jalr", "fence"):
        program.put_value(a, values[0])
    if form in ("R", "B"):
        program.put_value(b, values[1])
    if form == "B":
        program.put(name, 0, a, int(program.rng.choice([a, b])), 8)
        program.put("addi", rd, rd, 0, 1)
    elif form == "J":
        program.put(name, rd, immediate=8)
        program.put("addi", rd, rd, 0, 1)
    elif name == "jalr":
        program.put("auipc", a)
        program.put(name, rd, a, 0, 12)
        program.put("addi", rd, rd, 0, 1)
    elif form == "U":
        program.put(name, rd, immediate=program.draw_value())
    elif name == "repeat":
        program.put("addi", a, 0, 0, int(program.rng.integers(4)))
        program.put(name, int(program.rng.integers(program.n_slots)), a, 0, int(program.rng.integers(128)))
    elif name in ("set", "step", "push"):
        program.put(name, int(program.rng.integers(program.n_slots)), a, b, int(program.rng.integers(2)))
    else:
        corner = program.rng.choice([-2048, -1, 0, 1, 2047, int(program.rng.integers(-2048, 2048))])
        program.put(name, rd, a, b, int(corner))


def split(programs: Sequence[Sequence[int]]) -> list[int]:
    """Join the programs of contexts: each one jumps to its own."""
    if len(programs) == 1:
        return list(programs[0])
    first, second = programs
    start = [encode("who", _HERE), encode("beq", 0, _HERE, 0, 8), encode("jal", 0, immediate=4 * (len(first) + 1))]
    return [*start, *first, *second]

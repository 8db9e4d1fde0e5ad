"""What RV32IM and the instructions about commands do: encode, decode and execute them, one context at a time.

The model of the instruction set that the hardware block ``riscv_core`` is held against. It knows no cycles; what the
timing law needs of a run is its `trace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.scalar_core import DIVIDES, LOADS, MULTIPLIES, N_TRACE_FIELDS, PLAIN

Format = Literal["R", "I", "S", "B", "U", "J", "shift", "command", "whole"]

# Name → format, opcode, funct3, funct7. RISC-V Unprivileged ISA, RV32I and M; custom-0 is this project's own.
TABLE: dict[str, tuple[Format, int, int, int]] = {
    "lui": ("U", 0x37, 0, 0), "auipc": ("U", 0x17, 0, 0), "jal": ("J", 0x6F, 0, 0), "jalr": ("I", 0x67, 0, 0),
    "beq": ("B", 0x63, 0, 0), "bne": ("B", 0x63, 1, 0), "blt": ("B", 0x63, 4, 0), "bge": ("B", 0x63, 5, 0),
    "bltu": ("B", 0x63, 6, 0), "bgeu": ("B", 0x63, 7, 0),
    "lb": ("I", 0x03, 0, 0), "lh": ("I", 0x03, 1, 0), "lw": ("I", 0x03, 2, 0), "lbu": ("I", 0x03, 4, 0),
    "lhu": ("I", 0x03, 5, 0), "sb": ("S", 0x23, 0, 0), "sh": ("S", 0x23, 1, 0), "sw": ("S", 0x23, 2, 0),
    "addi": ("I", 0x13, 0, 0), "slti": ("I", 0x13, 2, 0), "sltiu": ("I", 0x13, 3, 0), "xori": ("I", 0x13, 4, 0),
    "ori": ("I", 0x13, 6, 0), "andi": ("I", 0x13, 7, 0), "slli": ("shift", 0x13, 1, 0), "srli": ("shift", 0x13, 5, 0),
    "srai": ("shift", 0x13, 5, 0x20),
    "add": ("R", 0x33, 0, 0), "sub": ("R", 0x33, 0, 0x20), "sll": ("R", 0x33, 1, 0), "slt": ("R", 0x33, 2, 0),
    "sltu": ("R", 0x33, 3, 0), "xor": ("R", 0x33, 4, 0), "srl": ("R", 0x33, 5, 0), "sra": ("R", 0x33, 5, 0x20),
    "or": ("R", 0x33, 6, 0), "and": ("R", 0x33, 7, 0),
    "mul": ("R", 0x33, 0, 1), "mulh": ("R", 0x33, 1, 1), "mulhsu": ("R", 0x33, 2, 1), "mulhu": ("R", 0x33, 3, 1),
    "div": ("R", 0x33, 4, 1), "divu": ("R", 0x33, 5, 1), "rem": ("R", 0x33, 6, 1), "remu": ("R", 0x33, 7, 1),
    "fence": ("I", 0x0F, 0, 0), "ecall": ("whole", 0x73, 0, 0), "ebreak": ("whole", 0x73, 0, 1),
    "set": ("command", 0x0B, 0, 0), "push": ("command", 0x0B, 1, 0), "step": ("command", 0x0B, 2, 0),
    "repeat": ("command", 0x0B, 3, 0), "who": ("command", 0x0B, 4, 0),
}  # fmt: skip
BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")
LOAD_NAMES = ("lb", "lh", "lw", "lbu", "lhu")
STORE_NAMES = ("sb", "sh", "sw")
PRODUCTS = ("mul", "mulh", "mulhsu", "mulhu")
QUOTIENTS = ("div", "divu", "rem", "remu")
AUTO_NAMES = ("step", "repeat")
_N_BYTES = {"b": 1, "h": 2, "w": 4}
_WORD = 0xFFFF_FFFF
_READS: dict[Format, int] = {"R": 2, "B": 2, "S": 2, "I": 1, "shift": 1, "U": 0, "J": 0, "whole": 0, "command": 0}
_COMMAND_READS = {"set": 2, "step": 2, "repeat": 1, "push": 0, "who": 0}


class Instruction(NamedTuple):
    """A decoded instruction; ``immediate`` of one about commands is its ``funct7``: half of a slot, or kind."""

    name: str
    rd: int = 0
    rs1: int = 0
    rs2: int = 0
    immediate: int = 0

    @property
    def reads(self) -> tuple[int, ...]:
        """Registers that it reads."""
        if self.name in ("illegal", "fence"):
            return ()
        form = TABLE[self.name][0]
        n = _COMMAND_READS[self.name] if form == "command" else _READS[form]
        return (self.rs1, self.rs2)[:n]

    @property
    def writes(self) -> int:
        """Register that it writes; 0 if none."""
        is_writer = self.name == "who" or (
            self.name not in ("illegal", "fence") and TABLE[self.name][0] in ("R", "I", "shift", "U", "J")
        )
        return self.rd if is_writer else 0


class Retired(NamedTuple):
    """An instruction that was executed: its registers rs1 and rs2 held ``a`` and ``b``."""

    pc: int
    instruction: Instruction
    a: int
    b: int
    is_taken: bool
    n_pushes: int


def encode(name: str, rd: int = 0, rs1: int = 0, rs2: int = 0, immediate: int = 0) -> int:
    """Encode an instruction; the arguments are the fields of an `Instruction`."""
    form, opcode, funct3, funct7 = TABLE[name]
    at = immediate & _WORD
    word = opcode | rd << 7 | funct3 << 12 | rs1 << 15
    if form == "whole":
        return opcode | funct7 << 20
    if form == "U":
        return opcode | rd << 7 | at & 0xFFFF_F000
    if form == "J":
        high = (at >> 20 & 1) << 31 | (at >> 1 & 0x3FF) << 21 | (at >> 11 & 1) << 20 | (at >> 12 & 0xFF) << 12
        return opcode | rd << 7 | high
    if form == "I":
        return word | (at & 0xFFF) << 20
    if form == "shift":
        return word | (at & 31) << 20 | funct7 << 25
    if form == "R":
        return word | rs2 << 20 | funct7 << 25
    if form == "command":
        return word | rs2 << 20 | (at & 0x7F) << 25
    base = opcode | funct3 << 12 | rs1 << 15 | rs2 << 20
    if form == "S":
        return base | (at & 31) << 7 | (at >> 5 & 0x7F) << 25
    return base | (at >> 11 & 1) << 7 | (at >> 1 & 15) << 8 | (at >> 5 & 0x3F) << 25 | (at >> 12 & 1) << 31


@lru_cache(maxsize=1 << 14)
def decode(word: int, *, is_auto: bool = True, n_slots: int = 32) -> Instruction:
    """Decode a word; what a core of this kind does not know is ``illegal``."""
    opcode, funct3, funct7 = word & 0x7F, word >> 12 & 7, word >> 25
    rd, rs1, rs2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    for name, (form, its_opcode, its_funct3, its_funct7) in TABLE.items():
        if opcode != its_opcode or (form not in ("U", "J", "whole") and name != "fence" and funct3 != its_funct3):
            continue
        if (form in ("R", "shift") and funct7 != its_funct7) or (form == "whole" and word != encode(name)):
            continue
        if form == "command" and not _is_known(name, rd, funct7, is_auto, n_slots):
            continue
        return Instruction(name, rd, rs1, rs2, _immediate(form, word))
    return Instruction("illegal")


def _is_known(name: str, slot: int, funct7: int, is_auto: bool, n_slots: int) -> bool:
    if name == "who":
        return True
    has_half = name not in ("set", "step") or funct7 < 2
    return slot < n_slots and has_half and (is_auto or name not in AUTO_NAMES)


def _immediate(form: Format, word: int) -> int:
    sign = -(word >> 31)
    if form == "I":
        return sign << 11 | word >> 20 & 0x7FF
    if form == "shift":
        return word >> 20 & 31
    if form == "command":
        return word >> 25
    if form == "U":
        return sign << 31 | word & 0x7FFF_F000
    if form == "S":
        return sign << 11 | (word >> 25 & 0x3F) << 5 | word >> 7 & 31
    if form == "B":
        return sign << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3F) << 5 | (word >> 8 & 15) << 1
    if form == "J":
        return sign << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
    return 0


def to_signed(value: int) -> int:
    """Read 32 bits as two's complement."""
    return value - (1 << 32) if value >> 31 else value


def operate(name: str, a: int, b: int) -> int:
    """Compute what an arithmetic instruction of two registers gives; operands and result are 32 bits, unsigned."""
    x, y = to_signed(a), to_signed(b)
    if name in QUOTIENTS:
        return _divide(name, a, b) & _WORD
    results = {
        "add": x + y, "sub": x - y, "sll": a << (b & 31), "slt": int(x < y), "sltu": int(a < b), "xor": a ^ b,
        "srl": a >> (b & 31), "sra": x >> (b & 31), "or": a | b, "and": a & b,
        "mul": x * y, "mulh": x * y >> 32, "mulhsu": x * b >> 32, "mulhu": a * b >> 32,
    }  # fmt: skip
    return results[name] & _WORD


def _divide(name: str, a: int, b: int) -> int:
    """Round to zero; by zero, a quotient is all ones and a remainder the dividend."""
    x, y = (a, b) if name.endswith("u") else (to_signed(a), to_signed(b))
    if b == 0:
        return x if name.startswith("rem") else -1
    quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    return x - quotient * y if name.startswith("rem") else quotient


def is_met(name: str, a: int, b: int) -> bool:
    """Whether the condition of a branch is met."""
    x, y = to_signed(a), to_signed(b)
    return {"beq": a == b, "bne": a != b, "blt": x < y, "bge": x >= y, "bltu": a < b, "bgeu": a >= b}[name]


@dataclass(slots=True)
class Context:
    """One context: executes a program until it halts, and keeps what it did.

    Parameters
    ----------
    program
        Words of the instruction memory, from address 0.
    memory
        Words of the data memory, which is written to; addresses wrap.
    number
        Of the context.
    is_auto, n_slots
        What the core has.
    """

    program: Sequence[int]
    memory: list[int]
    number: int = 0
    is_auto: bool = True
    n_slots: int = 32
    pc: int = 0
    x: list[int] = field(default_factory=lambda: [0] * 32)
    is_halted: bool = False
    retired: list[Retired] = field(default_factory=list)
    results: list[tuple[int, int]] = field(default_factory=list)
    """Register and value, in program order; those of loads are in ``loaded``."""
    loaded: list[tuple[int, int]] = field(default_factory=list)
    stored: list[tuple[int, int, int]] = field(default_factory=list)
    """Which bytes (a bit each), address of the word, the word."""
    commands: list[tuple[int, list[int]]] = field(default_factory=list)
    """Kind and four words."""
    words: list[list[int]] = field(default_factory=lambda: [[0] * 4 for _ in range(32)])
    steps: list[list[int]] = field(default_factory=lambda: [[0] * 4 for _ in range(32)])

    def run(self, limit: int = 100_000) -> None:
        """Execute until it halts.

        Raises
        ------
        RuntimeError
            When it does not within ``limit`` instructions.
        """
        while not self.is_halted:
            if len(self.retired) >= limit:
                raise RuntimeError(f"context {self.number} did not halt within {limit} instructions; pc {self.pc:#x}")
            self.execute(decode(self.program[self.pc // 4], is_auto=self.is_auto, n_slots=self.n_slots))

    def execute(self, instruction: Instruction) -> None:
        """Execute one instruction, wherever it is from."""
        name, pc, before = instruction.name, self.pc, len(self.commands)
        a, b = self.x[instruction.rs1], self.x[instruction.rs2]
        self.pc = pc + 4
        target = self._target(instruction, a, b)
        if name in LOAD_NAMES:
            self._load(instruction, (a + instruction.immediate) & _WORD)
        elif name in STORE_NAMES:
            self._store(name, (a + instruction.immediate) & _WORD, b)
        elif name in ("ecall", "ebreak", "illegal"):
            self.is_halted = True
        elif name in ("set", "step", "push", "repeat"):
            self._command(instruction, a, b)
        elif instruction.writes:
            self._write(self.results, instruction.rd, self._value(instruction, pc, a, b))
        if target is not None:
            self.pc = target & _WORD
        self.retired.append(Retired(pc, instruction, a, b, target is not None, len(self.commands) - before))

    def _target(self, instruction: Instruction, a: int, b: int) -> int | None:
        """Where an instruction jumps to; ``None`` if it does not."""
        pc = self.pc - 4
        if instruction.name == "jalr":
            return a + instruction.immediate & ~1
        if instruction.name == "jal" or (instruction.name in BRANCHES and is_met(instruction.name, a, b)):
            return pc + instruction.immediate
        return None

    def _value(self, instruction: Instruction, pc: int, a: int, b: int) -> int:
        """Compute what an instruction other than a load writes to its register."""
        name, immediate = instruction.name, instruction.immediate
        if name == "who":
            return self.number
        if name in ("lui", "auipc"):
            return immediate + (pc if name == "auipc" else 0)
        if name in ("jal", "jalr"):
            return pc + 4
        if TABLE[name][1] == 0x13:
            name = name.replace("iu", "u") if name == "sltiu" else name[:-1]
            return operate(name, a, immediate & _WORD)
        return operate(name, a, b)

    def _write(self, written: list[tuple[int, int]], register: int, value: int) -> None:
        self.x[register] = value & _WORD
        written.append((register, value & _WORD))

    def _load(self, instruction: Instruction, address: int) -> None:
        size, low = _N_BYTES[instruction.name[1]], self._low_bits(instruction.name, address)
        value = self.memory[address // 4 % len(self.memory)] >> 8 * low & (1 << 8 * size) - 1
        if not instruction.name.endswith("u") and value >> 8 * size - 1:
            value -= 1 << 8 * size
        if instruction.rd:
            self._write(self.loaded, instruction.rd, value)

    def _store(self, name: str, address: int, value: int) -> None:
        size, low = _N_BYTES[name[1]], self._low_bits(name, address)
        mask = (1 << 8 * size) - 1 << 8 * low
        word = value << 8 * low & _WORD
        index = address // 4 % len(self.memory)
        self.memory[index] = self.memory[index] & ~mask | word & mask
        self.stored.append((((1 << size) - 1) << low, address & ~3, word))

    def _low_bits(self, name: str, address: int) -> int:
        if address % _N_BYTES[name[1]]:
            raise RuntimeError(f"{name} of context {self.number} at {self.pc - 4:#x}: address {address:#x} not aligned")
        return address % 4

    def _command(self, instruction: Instruction, a: int, b: int) -> None:
        words, steps = self.words[instruction.rd], self.steps[instruction.rd]
        if instruction.name in ("set", "step"):
            changed = words if instruction.name == "set" else steps
            changed[2 * instruction.immediate : 2 * instruction.immediate + 2] = [a, b]
            return
        for _ in range(1 if instruction.name == "push" else a):
            self.commands.append((instruction.immediate, list(words)))
            words[:] = [(word + step) & _WORD for word, step in zip(words, steps, strict=True)]

    def trace(self) -> NDArray[np.int64]:
        """Write down what the timing law needs of the run: ndarray (N, 4), as `core_events` takes it."""
        rows = np.zeros((len(self.retired), N_TRACE_FIELDS), np.int64)
        loaded_at: dict[int, int] = {}
        for i, (_, instruction, _, _, is_taken, n_pushes) in enumerate(self.retired):
            named = {register for register in (*instruction.reads, instruction.writes) if register}
            last = max((loaded_at[register] for register in named if register in loaded_at), default=i)
            rows[i] = [_kind(instruction.name), is_taken, i - last, n_pushes]
            if instruction.writes:
                loaded_at.pop(instruction.writes, None)
            if instruction.name in LOAD_NAMES and instruction.writes:
                loaded_at[instruction.writes] = i
        return rows


def _kind(name: str) -> int:
    if name in LOAD_NAMES:
        return LOADS
    if name in PRODUCTS:
        return MULTIPLIES
    return DIVIDES if name in QUOTIENTS else PLAIN


def run_contexts(
    program: Sequence[int], data: Sequence[int], n_words: int, n_contexts: int, *, is_auto: bool = True,
    n_slots: int = 32,
) -> list[Context]:  # fmt: skip
    """Run the contexts of a core on one program and one memory, each to its end before the next begins.

    Parameters
    ----------
    program
        Words of the instruction memory, from address 0.
    data
        First words of the data memory; the others are 0.
    n_words
        Of the data memory.
    n_contexts
        How many there are.
    is_auto, n_slots
        What the core has.
    """
    memory = [*data, *[0] * (n_words - len(data))]
    contexts = [Context(program, memory, number, is_auto, n_slots) for number in range(n_contexts)]
    for context in contexts:
        context.run()
    return contexts

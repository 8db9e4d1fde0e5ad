"""Build the kernels of the core from their sources: ``python -m archmodel.verify.images``, and read them.

Needs ``riscv64-unknown-elf-gcc`` (Debian: ``apt install gcc-riscv64-unknown-elf``). The images are committed, so that
only those who change a kernel need it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from archmodel.errors import ArchmodelError, UnsupportedError
from archmodel.verify.contract import stub_folder

COMPILER = "riscv64-unknown-elf-gcc"
FLAGS = (
    "-march=rv32im", "-mabi=ilp32", "-nostdlib", "-ffreestanding", "-fno-builtin", "-fno-pic", "-O2", "-Wall",
    "-Werror",
    "-fno-zero-initialized-in-bss", "-fno-tree-loop-distribute-patterns", "-msmall-data-limit=0", "-Wl,--build-id=none",
    "-Wl,-T,../../riscv_core/kernels/kernels.ld", "-Wl,--no-relax",
)  # fmt: skip
DATA = 0x10000
"""Address of the data; the data memory wraps it to 0."""


BLOCKS = ("riscv_core", "pe")
"""Blocks that have kernels: loops of fixed sizes that a core is tried with, and those that a whole PE runs."""


@dataclass(frozen=True, slots=True)
class Image:
    """Words of the instruction memory and of the data memory, both from 0."""

    text: list[int]
    data: list[int]


def kernel_folder(block: str = "riscv_core") -> Path:
    """Folder of the kernels of a block (one of `BLOCKS`) and their images."""
    return stub_folder() / block / "kernels"


def image_names(folder: Path) -> list[str]:
    """Names of the kernels that have an image in a folder."""
    return sorted(path.stem for path in folder.glob("*.hex"))


def read_image(folder: Path, name: str) -> Image:
    """Read a committed image."""
    return parse_image((folder / f"{name}.hex").read_text(encoding="utf-8"))


def parse_image(text: str) -> Image:
    """Read an image: words in hexadecimal after the address of their memory, as ``$readmemh`` takes them."""
    parts: dict[str, list[int]] = {"@00000000": [], f"@{DATA // 4:08x}": []}
    words = parts["@00000000"]
    for line in text.splitlines():
        if line.startswith("@"):
            words = parts[line]
        else:
            words.append(int(line, 16))
    return Image(*parts.values())


def kernels(block: str = "riscv_core") -> dict[str, tuple[str, tuple[str, ...]]]:
    """All kernels of a block: name → source and what is defined.

    ``auto`` needs auto-increment, ``contexts`` two contexts.
    """
    forms = {"": (), "_auto": ("AUTO",), "_contexts": ("CONTEXTS",), "_auto_contexts": ("AUTO", "CONTEXTS")}
    if block == "pe":
        found = {
            f"gemm_{name}{form}": (f"gemm_{name}{'_auto' if 'AUTO' in defined else ''}.S", defined)
            for name in ("output", "panel")
            for form, defined in forms.items()
        }
        found |= {"gemm_output_grid": ("gemm_grid.S", ("OUTPUT",)), "gemm_panel_grid": ("gemm_grid.S", ())}
        return found | {"rows": ("rows.S", ())}
    found = {
        name + form: (f"{name}.S", defined)
        for name in ("gemm_output", "gemm_weight", "gemm_input", "embedding")
        for form, defined in forms.items()
    }
    for name in ("copy", "softmax", "layer_norm", "nested"):
        found |= {name: (f"{name}.S", ()), f"{name}_auto": (f"{name}.S", ("AUTO",))}
    unrolled = {"gemm_output": (2, 4), "gemm_weight": (4,), "gemm_input": (2,), "copy": (4,)}
    for name, times in unrolled.items():
        found |= {f"{name}_unroll{n}": (f"{name}.S", (f"UNROLL={n}",)) for n in times}
    found["gemm_output_auto_unroll4"] = ("gemm_output.S", ("AUTO", "UNROLL=4"))
    found |= {"flat": ("flat.S", ()), "dhrystone": ("dhrystone.c", ())}
    return found


def find_compiler() -> str | None:
    """Path of the cross compiler, if it is there."""
    return shutil.which(COMPILER)


def build_image(name: str, block: str = "riscv_core") -> str:
    """Compile and link a kernel of a block; returns the text of its image.

    Raises
    ------
    UnsupportedError
        When there is no compiler, or it fails.
    """
    compiler = find_compiler()
    if compiler is None:
        raise UnsupportedError("building kernels", [f"{COMPILER} is missing: apt install gcc-riscv64-unknown-elf"])
    source, defined = kernels(block)[name]
    kernel = kernel_folder(block)
    with tempfile.TemporaryDirectory() as folder:
        linked = Path(folder) / "kernel.elf"
        defines = [f"-D{macro}" for macro in defined]
        _run([compiler, *FLAGS, *defines, source, "-o", str(linked)], kernel)
        lines = []
        for section, address in ((".text", 0), (".data", DATA)):
            raw = Path(folder) / "section.bin"
            copier = compiler.removesuffix("gcc") + "objcopy"
            _run([copier, "-O", "binary", "--only-section", section, str(linked), str(raw)], kernel)
            content = raw.read_bytes()
            content += bytes(-len(content) % 4)
            words = [content[i : i + 4][::-1].hex() for i in range(0, len(content), 4)]
            lines += [f"@{address // 4:08x}", *words]
    return "\n".join(lines) + "\n"


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnsupportedError("building kernels", [f"{command[0]}: {done.stderr.strip()}"])


def main() -> int:
    """Build all images."""
    for block in BLOCKS:
        for name in kernels(block):
            path = kernel_folder(block) / f"{name}.hex"
            path.write_text(build_image(name, block), encoding="utf-8")
            print(path)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ArchmodelError as error:
        sys.exit(str(error))

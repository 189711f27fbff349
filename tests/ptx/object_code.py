"""What nvcc left in an object file: the PTX of its kernels, and how many registers and how much local memory they take.

Reads objects whose device code is not compressed (nvcc --no-compress), and needs no tool of the CUDA Toolkit.
"""
import json
import pathlib
import re
import shlex
import struct

EM_CUDA = 190
SHT_SYMTAB = 2
# Of .nv.info: records (format, attribute, bytes), those of format 4 followed by a symbol's number and a value. NVIDIA
# does not document them; the test that leans on them plants a kernel with a stack frame and looks whether it is seen.
FRAME_SIZE, REGISTERS = 0x11, 0x2F


def of_build(build):
    """(object of kernels/cuda.cu, words of its command line, its folder), or (None, why there is none, None)."""
    database = pathlib.Path(build, "compile_commands.json")
    if not database.exists():
        return None, f"no {database}: build first", None
    for entry in json.loads(database.read_text(encoding="utf-8")):
        if entry["file"].endswith("kernels/cuda.cu"):
            words = shlex.split(entry["command"])
            built = pathlib.Path(entry["directory"], words[words.index("-o") + 1])
            if not built.exists():
                return None, f"no {built}: build first", None
            return built, words, entry["directory"]
    return None, f"{build} was configured without CUDA", None


def ptx(data):
    """The PTX texts in an object, one for each virtual architecture."""
    return [text.decode() for text in re.findall(rb"\.version \d+\.\d+\n\.target [^\0]*", data)]


def machine_code(data):
    """{"sm_90": {mangled name of a kernel: (registers, bytes of its stack frame)}} of all machine code in an object."""
    found = {}
    for at in (m.start() for m in re.finditer(rb"\x7fELF\x02\x01", data)):
        if struct.unpack_from("<H", data, at + 18)[0] == EM_CUDA:
            architecture, kernels = read_cubin(data[at:])
            found.setdefault(architecture, {}).update(kernels)
    return found


def read_cubin(elf):
    """("sm_90", {kernel: (registers, bytes of its stack frame)}) of one ELF image."""
    headers_at, flags, _, _, _, size, number, names_at = struct.unpack_from("<QI6H", elf, 40)
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, headers_at + i * size) for i in range(number)]

    def name(table, at):
        begin = headers[table][4] + at
        return elf[begin:elf.index(b"\0", begin)].decode()

    sections = {name(names_at, h[0]): h for h in headers}
    symbols = next(h for h in headers if h[1] == SHT_SYMTAB)
    values = {}
    at, end = sections[".nv.info"][4], sections[".nv.info"][4] + sections[".nv.info"][5]
    while at < end:
        form, attribute, length = struct.unpack_from("<BBH", elf, at)
        at += 4
        if form != 4:
            continue
        if attribute in (FRAME_SIZE, REGISTERS):
            symbol, value = struct.unpack_from("<II", elf, at)
            values[attribute, name(symbols[6], struct.unpack_from("<I", elf, symbols[4] + 24 * symbol)[0])] = value
        at += length
    kernels = [s.removeprefix(".text.") for s in sections if s.startswith(".text.")]
    architecture = flags & 0xFF if flags & 0xFF > 20 else flags >> 8 & 0xFF
    return f"sm_{architecture}", {k: (values[REGISTERS, k], values[FRAME_SIZE, k]) for k in kernels}

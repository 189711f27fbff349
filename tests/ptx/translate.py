"""Translates the PTX that nvcc makes of CUDA kernels to C++: what a GPU would execute, executed on a CPU.

Registers become locals, labels gotos, memory accesses calls of machine.h, which checks them (bounds, alignment, races,
reads of what nobody wrote in shared memory) and counts which instructions were reached. Every instruction that this
file does not know is an error, .approx and .ftz forms among them. A plant puts one fault into the translation: a check
of the check.
"""
import re

BITS = re.compile(r"\d+")
COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
OPERATOR = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^"}
SIZE = {"b8": 1, "u8": 1, "u16": 2, "b16": 2, "u32": 4, "s32": 4, "b32": 4, "f32": 4, "u64": 8, "s64": 8, "b64": 8}
PLANTS = {  # kind: (instruction it is put into, what becomes of its C++)
    "every-fma": (r"fma\.rn\.f32", lambda s: s.replace("fma_(", "mul_add_(")),
    "fma": (r"fma\.rn\.f32", lambda s: s.replace("fma_(", "mul_add_(")),
    "sqrt": (r"sqrt\.rn\.f32", lambda s: s.replace("sqrt_(", "sqrt_ulp_(")),
    "truncation": (r"cvt\.rzi\.s32\.f32", lambda s: s.replace("rzi_(", "rni_(")),
    "comparison": (r"setp\.lt\.(u32|f32)", lambda s: s.replace(" < ", " > ")),
    "selection": (r"selp\.\w+", lambda s: s.replace(" ? ", " && false ? ")),
    "xor": (r"xor\.b32", lambda s: s.replace("^", "|")),
    "shift": (r"shr\.u64", lambda s: s.replace(">> ", ">> 1 + ")),
    "address": (r"ld\.shared\.\w+", lambda s: s.replace(" + ", " + 4 + ", 1)),
    "barrier": (r"bar\.sync", lambda s: ";"),
    "global-atomic": (r"atom\.global\.add\.u32", lambda s: s.replace("atom_add_", "atom_sub_")),
    "shared-atomic": (r"atom\.shared\.add\.u32", lambda s: s.replace(", 1, ", ", 2, ")),
    "sum": (r"atom\.global\.add\.u64", lambda s: s.replace("atom_add_", "atom_sub_")),
}


class Unknown(Exception):
    """PTX that nobody has taught this file, or that it misread."""


def die(line, why):
    raise Unknown(f"PTX line {line}: {why}")


class Kernel:
    """One .entry: its parameters, registers and statements as C++."""

    def __init__(self, name, line, shared):
        self.name, self.shared, self.planted = name, shared, ""
        self.params, self.size = {}, 0  # name: (offset, size)
        self.max_threads, self.min_blocks = 1024, 1
        self.registers, self.body = [], []
        self.counts, self.lines = [0], [line]  # of basic blocks: instructions, first line
        self.seen = 0  # instructions that the plant could be put into

    def parameter(self, declaration):
        m = re.fullmatch(r"\.param (?:\.align (\d+) )?\.(\w+) (\w+)(?:\[(\d+)\])?", declaration)
        size = SIZE[m[2]] * int(m[4] or 1)
        align = int(m[1] or SIZE[m[2]])
        self.size = (self.size + align - 1) // align * align
        self.params[m[3]] = (self.size, size)
        self.size += size

    # ---- operands ----
    def value(self, text, kind):
        """A source operand read as `kind` (u32, s32, f32, b64, pred ...)."""
        text = text.strip()
        if re.fullmatch(r"0f[0-9A-Fa-f]{8}", text):
            return f"F(0x{text[2:]}u)"
        if re.fullmatch(r"-?\d+|0x[0-9A-Fa-f]+", text):
            return f"({ctype(kind)})({text}{'ll' if text.startswith('-') else 'ull'})"
        if text in SPECIAL:
            return SPECIAL[text]
        if text.startswith("%"):
            register = text[1:]
            if (register[0] == "f") != (kind == "f32") or (register[0] == "p") != (kind == "pred"):
                raise KeyError(f"{text} read as {kind}")  # would convert the value, not the bits
            natural = kind in ("pred", "f32") or (
                kind[0] in "ub" and register.rstrip("0123456789") in NATURAL.get(BITS.search(kind)[0], ""))
            return register if natural else f"({ctype(kind)}){register}"
        if text in self.params:
            return f"(c.param + {self.params[text][0]})"
        if text in self.shared:
            return "SHARED_BASE"
        raise KeyError(text)

    def address(self, text):
        m = re.fullmatch(r"\[([%\w$.]+)(?:\+(-?\d+))?\]", text.strip())
        wide = m[1].startswith("%rd") or not m[1].startswith("%")
        return f"{self.value(m[1], 'b64' if wide else 'b32')} + {int(m[2] or 0)}"

    # ---- instructions ----
    def translate(self, op, a, line):
        """C++ of one instruction without its predicate. a: operands."""
        o = op.split(".")
        head, kind = o[0], o[-1]
        v = lambda i, k=None: self.value(a[i], k or kind)
        to = a[0].lstrip("%") if a else ""
        result = {"setp": "pred", "cvt": o[min(1, len(o) - 1)]}.get(head, kind)
        if to[:1] == "f" and (op == "mov.b32" or op.startswith("cvt.rn.f32")):
            result = "f32"
        if to and head not in ("st", "bra", "bar", "prefetch") and a[0][0] == "%" and (
                (to[0] == "f") != (result == "f32") or (to[0] == "p") != (result == "pred")):
            die(line, f"{op} into {to}")
        if re.fullmatch(r"(add|sub|mul|fma|sqrt)\.rn\.f32|(max|neg|abs)\.f32", op):
            return f"{to} = {head}_({', '.join(v(i) for i in range(1, len(a)))});"
        if kind != "f32" and (head in ("add", "sub", "and", "or", "xor") and len(o) == 2 or op.startswith("mul.lo.s")):
            k = unsigned(kind)
            return f"{to} = ({ctype(k)})({v(1, k)} {OPERATOR[head]} {v(2, k)});"
        if op == "mad.lo.s32":
            return f"{to} = {v(1, 'u32')} * {v(2, 'u32')} + {v(3, 'u32')};"
        if re.fullmatch(r"mul\.wide\.[us](16|32)", op):
            wide = kind[0] + str(2 * int(kind[1:]))
            return f"{to} = ({ctype(unsigned(wide))})(({ctype(wide)}){v(1)} * ({ctype(wide)}){v(2)});"
        if re.fullmatch(r"(shl\.b|shr\.u)(16|32|64)", op):
            bits, k = int(kind[1:]), unsigned(kind)
            shifted = f"({ctype(k)})({v(1, k)} {'<<' if head == 'shl' else '>>'} {v(2, 'u32')})"
            return f"{to} = {v(2, 'u32')} >= {bits} ? 0 : {shifted};"
        if head == "not":
            return f"{to} = !{v(1)};" if kind == "pred" else f"{to} = ({ctype(kind)})~{v(1)};"
        if re.fullmatch(r"neg\.s(32|64)", op):
            return f"{to} = 0 - {v(1, unsigned(kind))};"
        if re.fullmatch(r"(min|max)\.[us](32|64)", op):
            return f"{to} = {v(1)} {'<' if head == 'min' else '>'} {v(2)} ? {v(1)} : {v(2)};"
        if re.fullmatch(r"setp\.(eq|ne|lt|le|gt|ge)\.[usb](16|32|64)", op):
            return f"{to} = {v(1)} {COMPARE[o[1]]} {v(2)};"
        if re.fullmatch(r"setp\.(eq|lt|le|gt|ge)\.f32", op):
            return f"{to} = {v(1)} {COMPARE[o[1]]} {v(2)};"
        if re.fullmatch(r"setp\.(ltu|leu|gtu|geu)\.f32", op):  # true for a NaN: not the opposite
            opposite = {"ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<"}[o[1]]
            return f"{to} = !({v(1)} {opposite} {v(2)});"
        if op == "setp.neu.f32":
            return f"{to} = {v(1)} != {v(2)};"
        if head == "selp":
            return f"{to} = {self.value(a[3], 'pred')} ? {v(1)} : {v(2)};"
        if op in ("cvt.rn.f32.s32", "cvt.rn.f32.u32"):
            return f"{to} = (float){v(1)};"
        if op == "cvt.rzi.s32.f32":
            return f"{to} = (u32)rzi_({v(1)});"
        if re.fullmatch(r"cvt\.[us](16|32|64)\.[us](8|16|32|64)", op):
            return f"{to} = ({ctype(unsigned(o[1]))})({ctype(o[1])}){v(1)};"
        if op == "bfi.b64":
            return f"{to} = bfi_({v(1)}, {v(2)}, {v(3, 'u32')}, {v(4, 'u32')});"
        if op == "clz.b64":
            return f"{to} = {v(1)} == 0 ? 64 : __builtin_clzll({v(1)});"
        if head == "mov":
            if kind == "pred":
                return f"{to} = {a[1] if a[1].isdigit() else v(1)};"
            if op == "mov.b32" and a[0].startswith("%f") and a[1].startswith("%r"):
                return f"{to} = F({v(1)});"
            if op == "mov.b32" and a[1].startswith("%f"):
                return f"{to} = U({self.value(a[1], 'f32')});"
            return f"{to} = {v(1)};"
        if head == "cvta":
            return f"{to} = {'c.generic(' + v(1) + ')' if op == 'cvta.shared.u64' else v(1)};"
        if head == "ld" and o[1] in ("param", "global", "shared", kind):
            space = o[1] if o[1] in ("param", "global", "shared") else "generic"
            if "v2" in o:
                first, second = [r.strip().lstrip("%") for r in a[0].strip("{}").split(",")]
                n = SIZE[kind]
                return (f"{first} = ld_{space}<{ctype(kind)}>(c, {self.address(a[1])}, {line}); "
                        f"{second} = ld_{space}<{ctype(kind)}>(c, {self.address(a[1])} + {n}, {line});")
            return f"{to} = ld_{space}<{ctype(kind)}>(c, {self.address(a[1])}, {line});"
        if head == "st" and o[1] in ("global", "shared"):
            return f"st_{o[1]}<{ctype(kind)}>(c, {self.address(a[0])}, {self.value(a[1], kind)}, {line});"
        if re.fullmatch(r"atom\.(global|shared)\.(add|min)\.u(32|64)", op):
            return f"{to} = atom_{o[2]}_{o[1]}<{ctype(kind)}>(c, {self.address(a[1])}, {v(2)}, {line});".replace(
                f"({ctype(kind)})(1ull)", "1")
        if op == "bar.sync" and a == ["0"]:
            return f"barrier(c, {line});"
        if op in ("bra", "bra.uni"):
            return f"goto {label(a[0])};"
        if op == "ret":
            return "return;"
        if op == "prefetch.global.L2":
            return ";"
        die(line, f"unknown instruction: {op} {', '.join(a)}")

    def block(self, name=""):
        """Begins a basic block."""
        if self.counts[-1]:
            self.counts.append(0)
            self.lines.append(0)
        self.body.append(f"{label(name) + ':' if name else ''} COVER({len(self.counts) - 1});")

    def statement(self, text, line, plant, nth, reached):
        m = re.fullmatch(r"(?:@(!?)%(p\d+)\s+)?([a-z][\w.:]*)\s*(.*)", text, re.DOTALL)
        if not m:
            die(line, f"cannot read: {text}")
        op = m[3]
        operands = [x.strip() for x in re.split(r",(?![^{]*\})", m[4])] if m[4] else []
        code = self.translate(op, operands, line)
        if not self.counts[-1]:
            self.lines[-1] = line
        if plant and re.fullmatch(PLANTS[plant][0], op) and (reached is None or self.lines[-1] in reached):
            if plant.startswith("every") or self.seen == nth:
                code = PLANTS[plant][1](code)
                self.planted = f"line {line}: {text} -> {code}"
            self.seen += 1
        self.counts[-1] += 1
        self.body.append(f"  {'if (' + m[1] + m[2] + ') ' if m[2] else ''}{{ {code} }}" if m[2] else f"  {code}")
        if op.startswith("bra") or op == "ret":
            self.block()

    def cpp(self):
        """The translation unit of this kernel. Its name is not in it: nvcc's hash of the source would change it."""
        registers = [(t, ", ".join(f"{name}{i} = {poison}" for i in range(1, count)))
                     for t, name, count, poison in self.registers if count > 1]
        params = ", ".join(f"{{{at}, {size}}}" for at, size in self.params.values()) or "{0, 0}"
        return "\n".join([
            '#include "machine.h"', f"static u64 covered[{len(self.counts)}];",
            f"static const unsigned lines[] = {{{', '.join(map(str, self.lines))}}};",
            f"static const unsigned counts[] = {{{', '.join(map(str, self.counts))}}};", "static void run(Ctx& c) {",
            *(f"  {t} {names};" for t, names in registers),
            *self.body, "}",
            f'extern "C" {{ Kernel ptx_kernel = {{"", run, {self.size}, {self.max_threads}, {self.min_blocks}, '
            f"{len(self.params)}, {{{params}}}, {len(self.counts)}, counts, lines, covered}}; }}", ""])


NATURAL = {"16": ("rs",), "32": ("r", "tmp"), "64": ("rd", "tmp")}
SPECIAL = {"%tid.x": "c.tid", "%ntid.x": "c.ntid", "%ctaid.x": "c.ctaid", "%nctaid.x": "c.nctaid"}


def ctype(kind):
    return {"f32": "float", "pred": "bool"}.get(kind) or kind.replace("b", "u")


def unsigned(kind):
    return kind if kind == "pred" else "u" + BITS.search(kind)[0]


def label(name):
    return name.lstrip("$")


POISON = {"bool": "true", "u16": "0xdead", "u32": "0xdeadbeefu", "float": "F(0x7fadbeefu)",  # what nobody wrote
          "u64": "0xdeadbeefdeadbeefull"}


class Reader:
    """Reads a PTX text line by line; `kernels` is what it found."""

    def __init__(self, text, only=None, plant=None, nth=0, reached=None):
        self.plant, self.nth, self.reached, self.only = plant, nth, reached, only
        self.kernels, self.kernel, self.shared, self.read = [], None, set(), self.top
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.split("//")[0].strip()
            if line and not line.startswith(".pragma"):
                self.read(line, number)

    def top(self, line, number):
        shared = re.match(r"\.extern \.shared \.align \d+ \.b8 (\w+)\[\];", line)
        entry = re.match(r"(?:\.visible |\.weak )*\.entry (\w+)\((\))?$", line)
        if shared:
            self.shared.add(shared[1])
        elif entry:
            self.kernel = Kernel(entry[1], number, self.shared)
            self.read = self.body if entry[2] else self.parameters
        elif not re.match(r"\.(version|target|address_size|global|extern)\b", line):
            die(number, f"not known at the top level: {line[:80]}")

    def parameters(self, line, _):
        if line == ")":
            self.read = self.body
        else:
            self.kernel.parameter(line.rstrip(","))

    def skipped(self, line, _):
        if line == "}":
            self.read = self.top

    def body(self, line, number):
        kernel = self.kernel
        bound = re.match(r"\.(maxntid|minnctapersm) (\d+)", line)
        registers = re.fullmatch(r"\.reg \.(\w+)\s+%(\w+)<(\d+)>;", line)
        scope = re.match(r"\{ \.reg \.(b\d+) %tmp;$", line)  # `{ .reg .b64 %tmp; ... }` around a conversion
        if line == "}":
            self.read = self.top
            self.kernels.append(kernel)
        elif line == "{":
            if self.only is not None and not re.search(self.only, kernel.name):
                self.read = self.skipped
        elif bound:
            setattr(kernel, {"maxntid": "max_threads", "minnctapersm": "min_blocks"}[bound[1]], int(bound[2]))
        elif registers:
            kind = ctype(registers[1])
            kernel.registers.append((kind, registers[2], int(registers[3]), POISON[kind]))
            if len(kernel.registers) == 1:
                kernel.block()
        elif re.fullmatch(r"\$\w+:", line):
            kernel.block(line[:-1])
        elif scope:
            kernel.body.append(f"  {{ {ctype(scope[1])} tmp;")
        else:
            closes = line.endswith("; }")
            if not re.fullmatch(r"[^;]*;", line[:-2] if closes else line):
                die(number, f"not one statement: {line}")
            kernel.statement(line.rstrip("; }" if closes else ";").strip(), number, self.plant, self.nth, self.reached)
            if closes:
                kernel.body.append("  }")


def translate(text):
    """The kernels of a PTX text."""
    return Reader(text).kernels


def planted(text, only, plant, share=0.5, reached=None):
    """The kernel whose mangled name the regular expression `only` is in, with one fault: at that share of the places
    where it could be, or of those whose basic block begins at a line of `reached`."""
    places = max(kernel.seen for kernel in Reader(text, only, plant, -1, reached).kernels)
    return Reader(text, only, plant, int(share * places), reached).kernels[0]

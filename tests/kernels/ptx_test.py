#!/usr/bin/env python3
"""Reads what nvcc made of kernels/cuda.cu: no local memory, no arithmetic but correctly rounded single precision.

Reads the object of the build: its PTX, and of its machine code for each architecture how large the stack frames are. Before
that, the same check must refuse each of a few planted kernels, compiled with the flags of the build. Exit status 77: skipped.

    tests/kernels/ptx_test.py [--self-test] [--arch sm_90]... [--build FOLDER]
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "ptx"))
import object_code  # noqa: E402  # pylint: disable=wrong-import-position

SKIPPED = 77
PROCESSES = {"diffusion": (4, 8, 12, 16), "observed": (4, 8, 16), "heston": (4, 8, 16), "bars": (4, 8, 16), "factors": (4, 8)}
KERNELS = {f"count_paths<{process}, {n}>" for process, sizes in PROCESSES.items() for n in sizes}

# All that may be done to a float: each correctly rounded (".rn" forbids contraction) or exact. Loads, stores and moves beside.
# (max: nvcc writes a select(less(0, x), x, 0) so, which is the same for every x, NaN and -0 included.)
ARITHMETIC = re.compile(
    r"(fma|add|sub|mul|sqrt)\.rn\.f32|max\.f32|cvt\.rn\.f32\.[su](32|64)|cvt\.rzi\.[su](32|64)\.f32|neg\.f32|abs\.f32|selp\.f32"
    r"|set(p)?\.(lt|le|gt|ge|eq|ne|ltu|leu|gtu|geu|equ|neu|num|nan)(\.(and|or|xor))?\.f32"
    r"|testp\.[a-z]+\.f32|slct\.f32\.[a-z0-9]+")
TRAFFIC = re.compile(r"(mov|ld|st|ldu|shfl|prefetch|cvta)\b")
FLOAT = re.compile(r"\.(f16x2|f16|bf16x2|bf16|tf32|f32x2|f32|f64|e4m3|e5m2)\b")
LOCAL = re.compile(r"\.local\b")

INSTRUCTION = re.compile(r"^(?:@!?%\w+\s+)?([a-z][a-z0-9_]*(?:[.:]+[a-z0-9_:]+)*)[\s;]")
ENTRY = re.compile(r"^(?:\.visible |\.weak |\.extern )*\.(?:entry|func)\s+(?:\([^)]*\)\s*)?([\w$]+)")


def short(mangled):
    """count_paths<heston, 16> for ours; the name as it is for others."""
    ours = re.search(r"\dcount_pathsILNS_7ProcessE(\d+)ELi(\d+)E", mangled)
    return f"count_paths<{list(PROCESSES)[int(ours[1])]}, {ours[2]}>" if ours else mangled


def complaints_about_ptx(ptx):
    """{kernel: {complaint}} for every kernel and function of a PTX text."""
    found, kernel = {}, None
    for line in ptx.splitlines():
        text = line.split("//")[0].strip()
        entry = ENTRY.match(text)
        if entry:
            kernel = short(entry[1])
            found.setdefault(kernel, set())
        if kernel is None:
            continue
        if LOCAL.search(text):
            found[kernel].add("local memory: " + text.split()[0])
        instruction = INSTRUCTION.match(text)
        if not instruction:
            continue
        name = instruction[1]
        if ".approx" in name or ".ftz" in name:
            found[kernel].add("not correctly rounded: " + name)
        kind = FLOAT.search(name)
        if kind and kind[1] != "f32":
            found[kernel].add("not single precision: " + name)
        elif kind and not ARITHMETIC.fullmatch(name) and not TRAFFIC.match(name):
            found[kernel].add("not on the list: " + name)
    return found


def read_object(data):
    """{architecture: {kernel: (registers, {complaint})}} of an object; the PTX is one of the architectures, without registers."""
    found = {}
    for text in object_code.ptx(data):
        target = "PTX of " + re.search(r"\.target (\w+)", text)[1]
        found[target] = {kernel: (None, complaints) for kernel, complaints in complaints_about_ptx(text).items()}
    for architecture, kernels in object_code.machine_code(data).items():
        found[architecture] = {short(name): (registers, {f"stack frame of {frame} bytes"} if frame else set())
                               for name, (registers, frame) in kernels.items()}
    return found


REFUSE = ("-Xptxas=-warn-lmem-usage,-warn-spills", "-Werror=all-warnings")


def compile_planted(words, folder, source, leave_out=(), more=()):
    """A source text compiled as kernels/cuda.cu was: what is in its object, and what the compiler said (None, text: it refused)."""
    command, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MT", "-c"):
            skip = True
        elif word not in ("-MD", "-x", "cu", *leave_out):
            command.append(word)
    with tempfile.TemporaryDirectory() as scratch:
        file, made = pathlib.Path(scratch, "planted.cu"), pathlib.Path(scratch, "planted.o")
        file.write_text(source, encoding="utf-8")
        command += [*more, "-c", str(file), "-o", str(made)]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        said = f"{shlex.join(command)}\n{result.stdout}{result.stderr}"
        return (read_object(made.read_bytes()) if result.returncode == 0 else None), said


# A kernel that is fine, and kernels with one fault each: name, body, what the complaint must say.
PLANTS = [
    ("fine", "out[i] = sqrtf(__fmaf_rn(in[i], 2.0f, 1.0f)) + static_cast<float>(i) * (in[i] < 0.5f ? in[i + 1] : 3.0f);", None),
    ("fast_sine", "out[i] = __sinf(in[i]);", "not correctly rounded: sin.approx"),
    ("fast_division", "out[i] = __fdividef(in[i], in[i + 1]);", "not correctly rounded: div.approx"),
    ("flush", 'asm("add.rn.ftz.f32 %0, %1, %1;" : "=f"(out[i]) : "f"(in[i]));', "not correctly rounded: add.rn.ftz"),
    ("rounded_up", "out[i] = __fadd_ru(in[i], in[i + 1]);", "not on the list: add.rp.f32"),
    ("least", "out[i] = fminf(in[i], in[i + 1]);", "not on the list: min.f32"),
    ("wide", "out[i] = static_cast<float>(static_cast<double>(in[i]) * 1.1);", "not single precision"),
    ("run_time_index",
     "float kept[64]; for (unsigned k = 0; k < number; ++k) kept[in[k] < 0.5f ? k : k / 2] = in[i + k];"
     " out[i] = kept[number / 2] + kept[i % 64];",
     "stack frame"),
    ("run_time_index", None, "local memory"),
    ("spills", "float kept[96], sum = 0.0f;\n#pragma unroll\n  for (unsigned k = 0; k < 96; ++k) kept[k] = in[i + 256 * k];"
     " __syncthreads();\n#pragma unroll\n  for (unsigned k = 0; k < 96; ++k) sum = __fmaf_rn(kept[95 - k], sum, in[k] + kept[k]); out[i] = sum;",
     "stack frame"),
]


def kernel(name, body):
    """The source of a planted kernel; `spills` has to do with 32 registers."""
    threads, blocks = (1024, 2) if name == "spills" else (256, 1)
    return (f'extern "C" __global__ void __launch_bounds__({threads}, {blocks}) {name}'
            f"(const float* in, float* out, unsigned number) {{\n  const unsigned i = threadIdx.x;\n  {body}\n}}\n")


def self_test(words, folder):
    """Problems of the check itself: a planted fault that it lets pass, or a fine kernel that it refuses."""
    sources = {name: kernel(name, body) for name, body, _ in PLANTS if body}
    contracted = 'extern "C" __global__ void contracted(float* x) { *x = x[1] * x[2]; }\n'
    found = {}
    for source, leave_out, more in (("".join(sources.values()), REFUSE, ()), (contracted, ("--fmad=false",), ("--fmad=true",))):
        read, said = compile_planted(words, folder, source, leave_out, more)
        if read is None:
            return [f"planted kernels do not compile:\n{said}"]
        for kernels in read.values():
            for name, (_, complaints) in kernels.items():
                found.setdefault(name, []).append(complaints)
    problems = []
    for name, _, wanted in [*PLANTS, ("contracted", None, "not on the list: mul.f32")]:
        complaints = set().union(*found[name])
        if wanted is None and complaints:
            problems.append(f"the kernel '{name}' was refused: {sorted(complaints)}")
        elif wanted == "stack frame":  # in the machine code for each architecture
            blind = sum(not any(wanted in c for c in of_one) for of_one in found[name]) > 1
            problems += [f"'{wanted}' was not seen in the planted kernel '{name}': {found[name]}"] * blind
        elif wanted is not None and not any(wanted in c for c in complaints):
            problems.append(f"'{wanted}' was not seen in the planted kernel '{name}': {sorted(complaints)}")
    for name in ("run_time_index", "spills"):  # the build would not have let them pass
        read, said = compile_planted(words, folder, sources[name])
        if read is not None or "ptxas error" not in said:
            problems.append(f"the flags of the build do not refuse the planted kernel '{name}'")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true", help="only the planted kernels")
    parser.add_argument("--arch", action="append", help="sm_80 and sm_90 unless given")
    parser.add_argument("--build", default=os.environ.get("PROOFLOAD_BUILD", "build"), help="the build folder")
    arguments = parser.parse_args()
    built, words, folder = object_code.of_build(arguments.build)
    if built is None:
        print(f"skipped: {words}")
        return SKIPPED

    begin = time.monotonic()
    problems = self_test(words, folder)
    if not arguments.self_test:
        found = read_object(built.read_bytes())
        problems += [f"{built} has no {wanted}" for wanted in arguments.arch or ["sm_80", "sm_90"] if wanted not in found]
        if not any(target.startswith("PTX") for target in found):
            problems.append(f"{built} has no PTX, or compressed PTX: is it compiled with --no-compress?")
        for target, kernels in found.items():
            problems += [f"{target}: there is no kernel {name}" for name in sorted(KERNELS - kernels.keys())]
            for name, (registers, complaints) in sorted(kernels.items()):
                if registers is not None:
                    print(f"{target}  {registers:3} registers  {name[:90]}")
                problems += [f"{target}: {name}: {c}" for c in sorted(complaints)]
    print("\n".join(problems) or f"{len({name for name, _, _ in PLANTS}) + 1} planted kernels judged rightly"
          + ("" if arguments.self_test else "; no local memory, only correctly rounded arithmetic")
          + f" ({time.monotonic() - begin:.0f} s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

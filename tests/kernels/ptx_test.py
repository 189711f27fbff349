#!/usr/bin/env python3
"""Reads what nvcc makes of kernels/cuda.cu: no local memory, no arithmetic but correctly rounded single precision.

Compiles with the flags of the build (compile_commands.json in $PROOFLOAD_BUILD) for one architecture at a time, reads the PTX
and the report of ptxas. Before that, the same check must refuse each of a few planted kernels. Exit status 77: skipped.

    tests/kernels/ptx_test.py [--self-test] [--arch sm_90]... [--build FOLDER]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

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


def read_report(report):
    """{kernel: (registers, {complaint})} from what ptxas -v prints."""
    found, kernel = {}, None
    for line in report.splitlines():
        start = re.search(r"(?:Function properties for|Compiling entry function) '?([\w$]+)", line)
        if start:
            kernel = short(start[1])
            found.setdefault(kernel, [0, set()])
        frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)
        if frame and any(int(n) for n in frame.groups()):
            found[kernel][1].add(f"stack frame {frame[1]}, spill stores {frame[2]}, spill loads {frame[3]} bytes")
        used = re.search(r"Used (\d+) registers", line)
        if used:
            found[kernel][0] = int(used[1])
    return found


def compiler_of(build):
    """nvcc and the project's flags for kernels/cuda.cu, without what chooses architectures and files; or why there are none."""
    database = pathlib.Path(build, "compile_commands.json")
    if not database.exists():
        return None, f"no {database}: build first"
    for entry in json.loads(database.read_text()):
        if not entry["file"].endswith("kernels/cuda.cu"):
            continue
        words = shlex.split(entry["command"])
        flags, skip = [], False
        for word in words[1:]:
            if skip or word in ("-c", entry["file"]):
                skip = False
            elif word in ("-o", "-gencode", "-arch", "-MF", "-MT"):
                skip = True
            elif not re.match(r"--generate-code|-gencode|-arch|--gpu-architecture|-MD", word):
                flags.append(word)
        return (words[0], flags, entry["file"], entry["directory"]), ""
    return None, f"{build} was configured without CUDA"


def compile_and_read(compiler, source, arch, more=()):
    """{kernel: (registers, {complaint})} of a source file compiled for one architecture."""
    nvcc, flags, _, directory = compiler
    number = arch.removeprefix("sm_")
    with tempfile.TemporaryDirectory() as scratch:
        command = [nvcc, *flags, *more, f"-gencode=arch=compute_{number},code={arch}", "-cubin", "--keep", "--keep-dir", scratch,
                   "-Xptxas=-v", str(source), "-o", f"{scratch}/out.cubin"]
        result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
        if result.returncode:
            sys.exit(f"nvcc failed for {arch}:\n{shlex.join(command)}\n{result.stdout}{result.stderr}")
        ptx = "".join(file.read_text() for file in sorted(pathlib.Path(scratch).glob("*.ptx")))
    kernels = read_report(result.stdout + result.stderr)
    for kernel, complaints in complaints_about_ptx(ptx).items():
        kernels.setdefault(kernel, [0, set()])[1].update(complaints)
    return kernels


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
     "spill stores"),
]


def self_test(compiler, arch):
    """Problems of the check itself: a planted fault that it lets pass, or a fine kernel that it refuses."""
    source = "".join(
        f'extern "C" __global__ void __launch_bounds__({1024 if name == "spills" else 256}, {2 if name == "spills" else 1}) {name}'
        f"(const float* in, float* out, unsigned number) {{\n  const unsigned i = threadIdx.x;\n  {body}\n}}\n"
        for name, body, _ in PLANTS if body)
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch, "planted.cu")
        file.write_text(source)
        kernels = compile_and_read(compiler, file, arch)
        contracted = pathlib.Path(scratch, "contracted.cu")
        contracted.write_text('extern "C" __global__ void contracted(float* x) { *x = x[1] * x[2]; }\n')
        kernels |= compile_and_read(compiler, contracted, arch, ["--fmad=true"])
    problems = []
    for name, _, wanted in [*PLANTS, ("contracted", None, "not on the list: mul.f32")]:
        complaints = kernels[name][1]
        if wanted is None and complaints:
            problems.append(f"the kernel '{name}' was refused: {sorted(complaints)}")
        if wanted is not None and not any(wanted in c for c in complaints):
            problems.append(f"'{wanted}' was not seen in the planted kernel '{name}': {sorted(complaints)}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true", help="only the planted kernels")
    parser.add_argument("--arch", action="append", help="sm_80 and sm_90 unless given")
    parser.add_argument("--build", default=os.environ.get("PROOFLOAD_BUILD", "build"), help="the build folder")
    arguments = parser.parse_args()
    compiler, why = compiler_of(arguments.build)
    if compiler is None:
        print(f"skipped: {why}")
        return SKIPPED

    begin = time.monotonic()
    archs = arguments.arch or ["sm_80", "sm_90"]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:  # the compilers are other processes
        planted = pool.submit(self_test, compiler, archs[-1])
        jobs = {} if arguments.self_test else {a: pool.submit(compile_and_read, compiler, compiler[2], a) for a in archs}
        problems = planted.result()
        for arch, job in jobs.items():
            kernels = job.result()
            problems += [f"{arch}: there is no kernel {name}" for name in sorted(KERNELS - kernels.keys())]
            for name, (registers, complaints) in sorted(kernels.items()):
                print(f"{arch}  {registers:3} registers  {name[:90]}")
                problems += [f"{arch}: {name}: {c}" for c in sorted(complaints)]
    print("\n".join(problems) or f"{len({name for name, _, _ in PLANTS}) + 1} planted kernels judged rightly"
          + ("" if arguments.self_test else "; no local memory, only correctly rounded arithmetic")
          + f" ({time.monotonic() - begin:.0f} s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

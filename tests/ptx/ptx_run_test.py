#!/usr/bin/env python3
"""The CUDA backend without a GPU: does the PTX of its kernels, executed on CPUs, count what the CPU lanes count?

Takes the PTX from the object that was built, translates every kernel to C++ (translate.py), compiles each to a library
in $PROOFLOAD_BUILD/ptx, and runs `ptx_tests` with them: the tests that a GPU has to pass (tests/run/gpu_test.cpp) and
what a GPU in good order never shows (fake_cuda_test.cpp), over the host code of the backend and a runtime that checks
every access (fake_cuda.cpp). Not shown by it: ptxas, the driver, limits of a real device, time.

    tests/ptx/ptx_run_test.py                shipped scenarios, incidents, markets
    tests/ptx/ptx_run_test.py --all          every test but that of 2^30 paths: larger books and recorded hashes too;
                                             which instructions were reached
    tests/ptx/ptx_run_test.py --plants       faults planted into the translation: are they seen?

Exit status 77: skipped.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time

import object_code
import translate

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
CORES = len(os.sched_getaffinity(0))
SHORT = "FakeCuda.*:Gpu.FewPathsOfEvery*:Gpu.EveryShippedScenario:Gpu.EveryIncident:Gpu.EveryMarket"
ALL = "*-Gpu.MoreThanTwoToThe30Paths"
# Where faults are planted, a market that this kernel runs, and paths: few show most faults, many all that can be shown.
PLANTED_KERNEL, PLANTED_MARKET = "count_pathsILNS_7ProcessE0ELi4E", "disturbed, no grid"
FEW, MANY = 8_001, 400_001


def compile_kernel(kernel, folder, compiler):
    """A library of the kernel; nothing is done when it is there already."""
    flags = ["-std=c++20", "-Og", "-ffp-contract=off", "-shared", "-fPIC", f"-I{HERE}"]
    if re.search(r"\bfma\b", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")):
        flags.append("-mfma")
    code = kernel.cpp()
    depends = [code, compiler, *flags, (HERE / "machine.h").read_text(encoding="utf-8")]
    key = hashlib.sha256("\0".join(depends).encode()).hexdigest()[:20]
    source, library = folder / f"{key}.cpp", folder / f"{key}.so"
    if not library.exists():
        source.write_text(code, encoding="utf-8")
        subprocess.run([compiler, *flags, str(source), "-o", f"{library}.new"], check=True)
        os.replace(f"{library}.new", library)
    return library


def compile_all(text, folder, compiler):
    """{mangled name: library} of all kernels of a PTX text; other libraries are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:  # the compilers are other processes
        kernels = translate.translate(text)
        libraries = list(pool.map(lambda kernel: compile_kernel(kernel, folder, compiler), kernels))
    for old in folder.iterdir():
        if old.with_suffix(".so") not in libraries:
            old.unlink()
    return dict(zip((kernel.name for kernel in kernels), libraries))


class Program:
    """ptx_tests with translated kernels."""

    def __init__(self, build, libraries):
        self.file, self.folder, self.libraries = build / "ptx_tests", build / "ptx", libraries

    def run(self, tests, paths, shards=1, limit=3600, planted=(), quiet=False, **more):
        """Whether all of the tests passed, and {(kernel, PTX line of a block): (instructions, times run)}."""
        libraries = self.libraries | dict(planted)
        environment = {**os.environ, **more, "PROOFLOAD_GPU_PATHS": str(paths), "GTEST_TOTAL_SHARDS": str(shards),
                       "PTX_KERNELS": ":".join(f"{name}={library}" for name, library in libraries.items())}
        coverage = [self.folder / f"coverage-{shard}" for shard in range(shards)]
        output = subprocess.DEVNULL if quiet else None
        command = [self.file, f"--gtest_filter={tests}", "--gtest_brief=1"]
        processes = [subprocess.Popen(command, stdout=output, stderr=output, env={
            **environment, "GTEST_SHARD_INDEX": str(shard), "PTX_COVERAGE": str(file)})
            for shard, file in enumerate(coverage)]
        passed = True
        for process in processes:
            try:
                passed = process.wait(limit) == 0 and passed
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                passed = False
        reached = collections.defaultdict(lambda: (0, 0))
        for file in coverage:
            for row in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
                kernel, line, count, times = row.split()
                block = kernel, int(line)
                reached[block] = int(count), reached[block][1] + int(times)
            file.unlink(missing_ok=True)
        return passed, reached


def report_coverage(reached):
    """Of each kernel, how many of its instructions were run at least once."""
    for kernel in sorted({kernel for kernel, _ in reached}):
        blocks = [block for (name, _), block in reached.items() if name == kernel]
        total, seen = sum(n for n, _ in blocks), sum(n for n, times in blocks if times)
        executed = sum(n * times for n, times in blocks)
        print(f"{100 * seen / total:5.1f} % of {total:6} instructions reached, {executed:.3g} executed: {kernel}")


def plant(program, text, compiler):
    """Plants one fault after another into one kernel; problems: kinds of which none was seen."""
    def passes(paths, planted=()):
        return program.run("Gpu.EveryMarket", paths, limit=600, planted=planted, quiet=bool(planted),
                           PROOFLOAD_GPU_ONLY=PLANTED_MARKET)

    fine, reached = passes(FEW)
    if not fine:
        return ["the kernel that was to be planted in is not right as it is"]
    lines = {line for (kernel, line), (_, times) in reached.items() if re.search(PLANTED_KERNEL, kernel) and times}
    seen = collections.defaultdict(list)
    for kind in translate.PLANTS:
        for share in (0.2, 0.5, 0.8) if not kind.startswith("every") else (0,):
            kernel = translate.planted(text, PLANTED_KERNEL, kind, share, lines)
            planted = [(kernel.name, compile_kernel(kernel, program.folder, compiler))]
            seen[kind].append(any(not passes(paths, planted)[0] for paths in (FEW, MANY)))
            print(f"{'seen' if seen[kind][-1] else 'NOT SEEN'}: {kind}: {kernel.planted}", flush=True)
    print(f"{sum(map(sum, seen.values()))} of {sum(map(len, seen.values()))} planted faults seen")
    seen["fma"].append(True)  # one rounding among hundreds may never show; all of them together must
    return [f"no planted fault of the kind '{kind}' was seen" for kind, verdicts in seen.items() if not any(verdicts)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every test, and which instructions were reached")
    parser.add_argument("--plants", action="store_true", help="planted faults")
    parser.add_argument("--paths", type=int, help="of a comparison; the tests take some more or fewer")
    parser.add_argument("--filter", help="tests to run, as --gtest_filter has it")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--build", default=os.environ.get("PROOFLOAD_BUILD", "build"), type=pathlib.Path)
    arguments = parser.parse_args()
    built, why, _ = object_code.of_build(arguments.build)
    if built is None:
        print(f"skipped: {why}")
        return SKIPPED
    if not (arguments.build / "ptx_tests").exists():
        print(f"skipped: no {arguments.build / 'ptx_tests'}: build the tests first")
        return SKIPPED
    texts = object_code.ptx(built.read_bytes())
    if not texts:
        print(f"there is no PTX in {built}")
        return 1

    begin = time.monotonic()
    libraries = compile_all(texts[-1], arguments.build.resolve() / "ptx", arguments.compiler)
    print(f"{len(libraries)} kernels translated and compiled ({time.monotonic() - begin:.0f} s)", flush=True)
    program = Program(arguments.build.resolve(), libraries)
    problems = []
    if arguments.plants:
        problems += plant(program, texts[-1], arguments.compiler)
    else:
        begin = time.monotonic()
        tests = arguments.filter or (ALL if arguments.all else SHORT)
        paths, shards = (16_001, CORES) if arguments.all else (4_001, 1)
        passed, reached = program.run(tests, arguments.paths or paths, shards)
        if arguments.all:
            report_coverage(reached)
        problems += [] if passed else ["the kernels do not count what the CPU lanes count (see above)"]
        print(f"tests: {time.monotonic() - begin:.0f} s")
    print("\n".join(problems) or "no problem")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

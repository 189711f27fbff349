#!/usr/bin/env bash
# One plan_hash and one tally_hash per shipped scenario, and per price model, from every build there is (g++ -O3, clang++, -O1 -march=native, sanitized) and every
# variant of the C library's mathematics. Builds that are missing are named, not passed over in silence.
#   tests/variants.sh [PATHS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
paths=${1:-20000}

scenarios=(scenarios/*.toml tests/corpus/{heston,market-models,factors}.toml)
hashes() { # hashes PROGRAM LANES: "scenario plan tally" lines
  "$1" "$2" "$paths" "${scenarios[@]}"
}

expected=$(hashes build/hashes scalar)
count=$(wc -l <<<"$expected")
((count >= 9)) || { echo "variants: only $count scenarios ran"; exit 1; }
failed=0 builds=0
compare() { # compare NAME LINES
  if [[ $2 == "$expected" ]]; then
    echo "same bits: $1"
  else
    echo "OTHER BITS: $1"
    diff <(echo "$expected") <(echo "$2") || true
    failed=1
  fi
}
compare "release, auto lanes" "$(hashes build/hashes auto)"
for preset in asan clang o1; do
  program=build/$preset/hashes
  if [[ ! -x $program ]]; then
    echo "not built: $preset (scripts/build $preset)"
    continue
  fi
  builds=$((builds + 1))
  for lanes in scalar auto; do
    [[ $preset != asan || $lanes == scalar ]] || continue # it has no others
    compare "$preset, $lanes lanes" "$(hashes "$program" "$lanes")"
  done
done
export GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2
compare "release, C library without FMA and AVX2" "$(hashes build/hashes scalar)"
unset GLIBC_TUNABLES
echo "$((builds + 1)) builds, $count scenarios, $paths paths each"
exit $failed

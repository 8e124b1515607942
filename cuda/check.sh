#!/usr/bin/env bash
# Checks and times everything that runs on a GPU, in one call of under ten minutes (H200, 16 cores). Needs nvcc, g++ and CMake; and PyTorch to race it.
#
#   bash cuda/check.sh --pack          on a machine that has them: copies the headers of fmt and nlohmann_json to build-cuda/include, and take that folder along
#   bash cuda/check.sh [FOLDER]        on the GPU: FOLDER is where the programs and table.txt are left; build-cuda otherwise
#   bash cuda/check.sh --build-only [FOLDER]     as far as it goes without a GPU, for sm_90a
#
# In order: builds; every kernel against the CPU (tests/gpu/check_backend.cpp); the ladders' rungs, and their race with cuBLAS (cuda/race.cu); compute-sanitizer on small shapes;
# our training steps and PyTorch's; PyTorch's 2:4 products.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/local/cuda/bin
if [[ ${1:-} == --pack ]]; then
  mkdir -p build-cuda/include
  for folder in fmt nlohmann; do
    from=
    for place in build/deps/usr/include /usr/include /usr/local/include; do [[ -z $from && -d $place/$folder ]] && from=$place/$folder; done
    [[ -n $from ]] || { echo "check: the headers of $folder are not here; ./bonsai setup installs them" >&2; exit 2; }
    cp -rL "$from" build-cuda/include/
  done
  echo "packed fmt and nlohmann_json into build-cuda/include ($(du -sh build-cuda/include | cut -f1))"
  exit 0
fi
build_only=
[[ ${1:-} == --build-only ]] && { build_only=1; shift; }
out=${1:-build-cuda}
type -P nvcc >/dev/null || { echo "check: nvcc is not here; it comes with the CUDA toolkit" >&2; exit 2; }
type -P cmake >/dev/null || { echo "check: CMake is not here" >&2; exit 2; }
if [[ -z $build_only ]]; then
  nvidia-smi >/dev/null 2>&1 || { echo "check: no GPU is here; without one the kernels run in the emulator: ./bonsai test -L cuda" >&2; exit 2; }
fi
include=$PWD/build-cuda/include
if [[ ! -d $include/fmt || ! -d $include/nlohmann ]]; then
  bash "${BASH_SOURCE[0]}" --pack >&2 || { echo "check: run \"bash cuda/check.sh --pack\" where ./bonsai builds, and bring build-cuda/include along" >&2; exit 2; }
fi

architecture=90a
if [[ -z $build_only ]]; then
  architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
  [[ $architecture != 90 ]] || architecture=90a
fi
mkdir -p "$out"
begin=$SECONDS
keep() { for file in configure.log build.log backend.txt table.txt; do [[ ! -f $out/$file || ! -d ${OUT:-} ]] || cp "$out/$file" "$OUT/"; done; }  # where a borrowed machine's files come back
trap keep EXIT
echo "building for sm_$architecture" >&2
cmake -S tests/gpu -B "$out" -DBONSAI_INCLUDE="$include" -DCMAKE_CUDA_ARCHITECTURES="$architecture" -DCMAKE_CUDA_COMPILER="$(type -P nvcc)" > "$out/configure.log" 2>&1 || { tail -20 "$out/configure.log" >&2; exit 1; }
timeout -k 5 "${BONSAI_BUILD_SECONDS:-1800}" cmake --build "$out" -j "$(nproc)" > "$out/build.log" 2>&1 || { grep -E "error|Error" -A5 "$out/build.log" | head -40 | cut -c1-300 >&2; exit 1; }
echo "built in $((SECONDS - begin)) s" >&2
[[ -z $build_only ]] || exit 0

part() { echo "== $1 ($((SECONDS - begin)) s)"; }
# SECONDS PROGRAM...: and whatever happens the caller goes on, since on a borrowed GPU every result counts. Never beyond `total`, and what does not end is killed.
total=${BONSAI_SECONDS:-560}
try() {
  local limit=$1 left=$((total - SECONDS)) code=0
  shift
  if [[ $left -lt 10 ]]; then echo "LEFT OUT, no time: $*"; return 0; fi
  [[ $limit -le $left ]] || limit=$left
  timeout -k 5 "$limit" "$@" || code=$?
  case $code in
    0) ;;
    124 | 137) echo; echo "OUT OF TIME ($limit s): $*" ;;
    *) echo; echo "FAILED ($code): $*" ;;
  esac
  return "$code"
}
{
  nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm --format=csv || true
  nvidia-smi | grep -o "CUDA Version: [0-9.]*" || true
  nvcc --version | tail -2 | head -1
  part "every kernel against the CPU"
  from=0
  for _ in 1 2 3 4 5; do  # a check that stops the GPU ends the process; the next one goes on behind it
    code=0
    try 150 "$out/bin/check_backend" cuda from "$from" > "$out/backend.txt" 2>&1 || code=$?
    head -c 3000 "$out/backend.txt"
    [[ $(wc -c < "$out/backend.txt") -le 3000 ]] || { echo " [...]"; tail -n 3 "$out/backend.txt"; }
    [[ $code == 3 ]] || break
    from=$(grep -o "from [0-9]*$" "$out/backend.txt" | tail -1 | cut -d' ' -f2) || true
    [[ -n $from ]] || break
  done
  part "the ladders"
  if [[ -x $out/bin/race ]]; then
    try 60 "$out/bin/race" || try 60 "$out/bin/race" simple || true
  else
    echo "cuBLAS is not here: no race"
  fi
  part "training steps, milliseconds"
  try 60 "$out/bin/train_race" || BONSAI_SYNC=1 try 30 "$out/bin/train_race" cuda 2 || true  # the second time the kernel that failed is named
  if timeout -k 5 60 python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    try 120 python3 tests/peers/gpu.py || true
    part "PyTorch's 2:4 products"
    try 60 python3 tests/peers/sparse24.py || true
  else
    echo "PyTorch with a GPU is not here"
  fi
  if type -P compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck synccheck initcheck; do
      part "compute-sanitizer --tool $tool"
      [[ ! -x $out/bin/race ]] || try 60 compute-sanitizer --tool $tool --error-exitcode 1 "$out/bin/race" check 2>&1 | tail -3 | cut -c1-300 || true
      try 90 compute-sanitizer --tool $tool --error-exitcode 1 "$out/bin/check_backend" cuda small 2>&1 | tail -3 | cut -c1-300 || true
    done
  else
    echo "compute-sanitizer is not here"
  fi
  part "end"
} 2>&1 | tee "$out/table.txt"
if grep -qE "^(FAILED|OUT OF TIME|LEFT OUT)" "$out/table.txt"; then echo "not all went well (lines with FAILED, OUT OF TIME, LEFT OUT): see $out/table.txt"; exit 1; fi
echo "all right; the table is $out/table.txt"

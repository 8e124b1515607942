#!/usr/bin/env bash
# On a machine with a GPU: builds the ladders, checks every rung, runs compute-sanitizer where it is, races cuBLAS, and PyTorch where it is. Needs nvcc.
#
#   bash cuda/check.sh [FOLDER]        FOLDER: where the program and the table are left; build-cuda otherwise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-build-cuda}
PATH=$PATH:/usr/local/cuda/bin
type -P nvcc >/dev/null || { echo "check: nvcc is not here; it comes with the CUDA toolkit" >&2; exit 2; }
nvidia-smi >/dev/null 2>&1 || { echo "check: no GPU is here; without one the kernels run in the emulator: ./bonsai test -L cuda" >&2; exit 2; }
mkdir -p "$out"

arch=native
if [ "$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1)" = 9.0 ]; then arch=sm_90a; fi  # with the instructions that only Hopper has
echo "building for this GPU ($arch)" >&2
objects=()
for source in cuda/race.cu cuda/gemm/*.cu cuda/sparse24/*.cu; do
  object=$out/$(echo "$source" | tr / _).o
  objects+=("$object")
  nvcc -std=c++20 -O3 -I. -arch=$arch --expt-relaxed-constexpr -c "$source" -o "$object" &
done
wait
nvcc -arch=$arch "${objects[@]}" -lcublas -o "$out/race"

{
  nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm --format=csv || true
  "$out/race"
  if type -P compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck synccheck initcheck; do
      echo "compute-sanitizer --tool $tool"
      compute-sanitizer --tool $tool --error-exitcode 1 "$out/race" check | tail -3
    done
  else
    echo "compute-sanitizer is not here"
  fi
  if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then python3 tests/peers/sparse24.py; else echo "PyTorch with a GPU is not here"; fi
} | tee "$out/table.txt"

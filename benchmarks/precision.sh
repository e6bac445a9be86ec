#!/usr/bin/env bash
# What U and V in 16 bits cost: the sample data, each model trained three times and stored as float32, float16 and
# bfloat16; G is built from the stored ones.
#
#     benchmarks/precision.sh [FOLDER]      # where workspaces are made, by default precision-workspace
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
folder=${1:-precision-workspace}

# The models of a dataset in each type: "$@" is what `awe prepare` is given.
measure() {
  awe prepare "$@" -q
  local dtype kind
  for dtype in float32 float16 bfloat16; do
    awe train --affinity constant --dtype "$dtype" --name "wsabie-$dtype" -q
    awe build-knn --model "wsabie-$dtype" -q
    awe retrain --model "wsabie-$dtype" --affinity knn --name "awe-$dtype" -q
  done
  for kind in wsabie awe; do
    echo
    awe evaluate --model "$kind-float32,$kind-float16,$kind-bfloat16" --baseline-model "$kind-float32"
  done
  echo
  COLUMNS=150 awe status | grep "^model"
}

export AWE_WORKSPACE=$folder/debian
measure sample_data/debian/interactions.parquet --user package --item dependency --split split
export AWE_WORKSPACE=$folder/wordnet
measure sample_data/wordnet/examples.parquet --text text --labels labels --id id --split split

#!/usr/bin/env bash
# What collisions of hashed words cost: WordNet's sample with a vocabulary, and with fewer and fewer buckets.
#
#     benchmarks/hashing.sh [FOLDER]      # where workspaces are made, by default hashing-workspace
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
folder=${1:-hashing-workspace}

for bits in none 18 14 12 10; do
  export AWE_WORKSPACE=$folder/$bits
  more=()
  [ "$bits" = none ] || more=(--hash-bits "$bits")
  echo "buckets: $bits"
  awe prepare sample_data/wordnet/examples.parquet --text text --labels labels --id id --split split "${more[@]}" 2>&1 |
    grep -E 'annotation:|hashed' || true
  awe train --affinity constant --name wsabie -q
  awe evaluate --model wsabie --metric ndcg,precision --at 1,5
done

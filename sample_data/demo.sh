#!/usr/bin/env bash
# The main job of awe on the sample data; `make demo` runs it. Each command is shown as you would type it.
# Run it again: every step says that it is up to date. `rm -r demo-workspace` begins anew.
set -euo pipefail
cd "$(dirname "$0")/.."

heading() {
  printf '\n'
  if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then printf '\033[1m── %s\033[0m\n' "$1"; else printf -- '-- %s\n' "$1"; fi
}

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# The chain from files to a comparison of four models: "$@" is what `awe prepare` is told.
chain() {
  run awe prepare "$@"
  run awe train --affinity constant --name wsabie
  run awe build-knn --model wsabie
  run awe retrain --model wsabie --affinity knn --name awe
  run awe train-baseline popularity
  run awe train-baseline knn --neighbors wsabie --name embedding-knn
  run awe evaluate --model popularity,wsabie,embedding-knn,awe --baseline-model wsabie
}

heading "Debian: a package depends on others; what else does it need?"
cat <<'END'
Four models: popularity, the same order for all; wsabie, an embedding; embedding-knn, what the
neighbours in that embedding have; awe, affinity weighted embedding: the two multiplied, and learned
again if that helps.
END
printf '\n$ export AWE_WORKSPACE=demo-workspace/debian\n'
export AWE_WORKSPACE=demo-workspace/debian
chain sample_data/debian/interactions.parquet --user package --item dependency --split split

heading "Packages that do not exist yet, each known by two things that it needs"
run awe predict --model awe sample_data/debian/new-packages.csv --top-k 6

heading "WordNet: from the words of a definition to the kinds that the thing belongs to"
printf '\n$ export AWE_WORKSPACE=demo-workspace/wordnet\n'
export AWE_WORKSPACE=demo-workspace/wordnet
chain sample_data/wordnet/examples.parquet --text text --labels labels --id id --split split

heading "Definitions that are in no dictionary"
run awe predict --model awe sample_data/wordnet/new-definitions.csv --top-k 6

printf '\nDone in %d s. Everything is in demo-workspace/; `awe -w demo-workspace/debian status` lists it.\n' "$SECONDS"

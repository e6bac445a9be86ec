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

# From files to a model, with little output: "$@" is what `awe prepare` is given.
chain() {
  run awe prepare "$@" -q
  run awe train --affinity constant --name wsabie -q
  run awe build-knn --model wsabie -q
  run awe retrain --model wsabie --affinity knn --name awe -q
}

# How the model compares with what it was made from, and with the same order for everyone.
compare() {
  run awe train-baseline popularity -q
  run awe train-baseline knn --neighbors wsabie --name embedding-knn -q
  run awe evaluate --model popularity,wsabie,embedding-knn,awe --baseline-model wsabie
}

heading "Debian: which other packages does a package need?"
cat <<'END'
Learned from the dependencies of 13,111 packages: a package is the user, what it depends on are the
items. The first run compiles awe's kernels, which takes about a minute; later runs find them.
END
printf '\n$ export AWE_WORKSPACE=demo-workspace/debian\n'
export AWE_WORKSPACE=demo-workspace/debian
chain sample_data/debian/interactions.parquet --user package --item dependency --split split

heading "Packages that do not exist yet, each known by two things that it needs"
run awe predict --model awe sample_data/debian/new-packages.csv --top-k 6

heading "How good is that? Held-out dependencies of all packages, ranked by four models"
cat <<'END'
popularity: the same order for all. wsabie: a linear embedding. embedding-knn: what the neighbours in
that embedding have. awe: affinity weighted embedding, the two multiplied.
END
compare

heading "WordNet: from the words of a definition to the kinds that the thing belongs to"
printf '\n$ export AWE_WORKSPACE=demo-workspace/wordnet\n'
export AWE_WORKSPACE=demo-workspace/wordnet
chain sample_data/wordnet/examples.parquet --text text --labels labels --id id --split split

heading "Definitions that are in no dictionary"
run awe predict --model awe sample_data/wordnet/new-definitions.csv --top-k 6

heading "How good is that?"
compare

heading "In short"
cat <<'END'
awe learned from two files, without a setting of your own, to rank 4,057 packages and 512 kinds
of things for inputs that it had never seen. On both sets the affinity weighted model ranks held-out
labels better than the linear embedding that it was made from (NDCG@10 above, with intervals).
Your own file: awe prepare FILE --user COLUMN --item COLUMN, then the same commands.
END
printf '\nDone in %d s. Everything is in demo-workspace/; `awe -w demo-workspace/debian status` lists it.\n' "$SECONDS"

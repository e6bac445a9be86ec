#!/usr/bin/env bash
# Quality on public research data, with defaults alone: benchmarks/quality.sh FOLDER [NAME...]
# and for gowalla the recipe with more dimensions besides.
# FOLDER holds NAME/examples.parquet or NAME/interactions.parquet (docs/results.md says what is in them). Everything is
# chosen on validation, which is set aside from train where there is none; the test split is opened once, at the end.
set -euo pipefail
folder=$1
shift
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(gowalla delicious corel5k imclef07a)

prepare() {
  case $1 in
    gowalla) awe prepare "$folder/$1/interactions.parquet" --user user --item item --split split ;;
    delicious | corel5k)
      awe prepare "$folder/$1/examples.parquet" --sparse indices:values --labels labels --split split ;;
    imclef07a) awe prepare "$folder/$1/examples.parquet" --features features --labels labels --split split ;;
    *) echo "unknown data set: $1" >&2; return 2 ;;
  esac
}

for name in "${names[@]}"; do
  export AWE_WORKSPACE=quality-workspace/$name
  at=1,3,5
  [ "$name" = gowalla ] && at=1,20
  prepare "$name"
  awe train --affinity constant --name wsabie
  awe build-knn --model wsabie
  awe retrain --model wsabie --name awe
  awe train-baseline popularity
  awe train-baseline knn --neighbors wsabie --name embedding-knn
  awe evaluate --model popularity,wsabie,embedding-knn,awe --baseline-model wsabie --at "$at"
  if [ "$name" = gowalla ]; then
    awe train --affinity constant --dim 256 --margin 0.5 --epochs 24 --patience 0 --name tuned
    awe build-knn --model tuned
    awe retrain --model tuned --epochs 0 --name tuned-awe
    awe evaluate --model tuned,tuned-awe --at "$at"
  fi
done

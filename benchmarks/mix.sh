#!/usr/bin/env bash
# Whether a mix ranks better than knn alone: benchmarks/mix.sh NAME PREPARE-ARGUMENTS...
# Trains a linear model, builds several G from it, and compares on validation knn with mixes whose weights validation
# chooses, U and V as they are; then knn and one mix with U and V learned again, its weights fixed and learned.
set -euo pipefail
export AWE_WORKSPACE=mix-workspace/$1
shift
awe prepare "$@"
awe train --affinity constant --name wsabie
awe build-knn --model wsabie
awe build-knn --model wsabie --k 200 --name wide
awe build-affinity --model wsabie --affinity rbf
awe build-affinity --model wsabie --affinity hybrid-latent-rbf
awe build-affinity --model wsabie --affinity cluster
awe retrain --model wsabie --epochs 0 --name knn
models=wsabie,knn

mix() { # NAME MEMBERS OPTIONS...
  awe retrain --model wsabie --affinity mix --name "$1" --mix "${@:2}"
  models=$models,$1
}

mix knn-constant-average knn,constant --epochs 0
mix knn-constant knn,constant --mix-weights validation --epochs 0
mix knn-wide knn,knn=wide,constant --mix-weights validation --epochs 0
mix knn-rbf knn,rbf,constant --mix-weights validation --epochs 0
mix knn-hybrid knn,hybrid-latent-rbf,constant --mix-weights validation --epochs 0
mix knn-cluster knn,cluster,constant --mix-weights validation --epochs 0
mix all knn,knn=wide,rbf,hybrid-latent-rbf,cluster,constant --mix-weights validation --epochs 0
awe retrain --model wsabie --name knn-again
models=$models,knn-again
mix again knn,constant --mix-weights validation
mix learned knn,constant --mix-weights validation --learn-mix
awe evaluate --model "$models" --baseline-model knn --split valid --metric ndcg,precision --at 1,3,5

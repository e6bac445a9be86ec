#!/usr/bin/env bash
# What the cluster affinity costs in precision: benchmarks/cluster.sh NAME PREPARE-ARGUMENTS...
# Trains a linear model, builds clusters with defaults, and compares both on validation: all labels scored, and those
# of one leaf. For the time see benchmarks/cluster.py.
set -euo pipefail
export AWE_WORKSPACE=cluster-workspace/$1
shift
awe prepare "$@"
awe train --affinity constant --name wsabie
awe build-affinity --model wsabie --affinity cluster
awe retrain --model wsabie --affinity cluster --epochs 0 --name cluster
awe evaluate --model wsabie,cluster --split valid --metric precision,recall,ndcg --at 1,5,10

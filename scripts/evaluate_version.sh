#!/bin/sh
# What the workflow `evaluate` does with a version of the data, each step with a command of the project; it runs anywhere:
#     sh scripts/evaluate_version.sh
# Pulls the data, checks and measures it with params.yaml, registers the recogniser that these make, compares it with the champion
# on the same pictures, and keeps the champion under DVC. Nothing of the machine's own database is touched.
# MLFLOW_TRACKING_URI says where the registry is. Keys of the remote come from the environment or from .dvc/config.local.
set -eu
cd "$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")"
run() { sh scripts/with_env.sh "$@"; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export ATTEND_STORE_URL="sqlite:///$scratch/attendance.db" # the version's people, for the calibration; gone at the end
unset ATTEND_MODEL 2>/dev/null || true # what params.yaml says is measured

run python -m dvc pull data/mongodb_export.dvc
mkdir -p reports && cp data/mongodb_export/metadata.json reports/export.json # as the stage `export` does; who made the version by hand has none
run python -m dvc repro --single-item validate evaluate
run python -m attendance restore data/mongodb_export
run python -m attendance reembed
run python -m attendance models register
# 1: it is worse than the champion, or can't be compared; then the champion stays, which is an answer and no failure
promoted=0
run python -m attendance models promote --on data/mongodb_export/images >"$scratch/verdict.txt" || promoted=$?
cat "$scratch/verdict.txt"
[ "$promoted" -le 1 ] || exit "$promoted"
ATTEND_MODEL=models:/face-recogniser@champion run python -m attendance models --keep models/recogniser
run python -m dvc add --quiet models/recogniser
run python -m dvc push models/recogniser.dvc

mkdir -p build
{
    echo '## Error rates'
    echo
    run python -m dvc metrics diff --md
    echo
    echo '## Against the champion'
    echo
    cat "$scratch/verdict.txt"
} >build/evaluation.md

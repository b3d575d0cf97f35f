#!/usr/bin/env bash
# Resolve the newest allowed versions in a fresh environment and write them to constraints.txt.
# Usage: scripts/lock.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${1:-python3}" -m venv "$folder/venv"
# The one version that is chosen by hand: a looser one may bring gigabytes of GPU libraries along.
echo 'torch==2.13.0' >"$folder/chosen.txt"
"$folder/venv/bin/pip" install --quiet --constraint "$folder/chosen.txt" '.[all]'
{
    echo '# Every version that the project is tested with; written by `make lock`.'
    # A local version label (+cpu) names a build, not a release.
    "$folder/venv/bin/pip" freeze --exclude rl-transfer | sed -E '/ @ /d; s/\+[A-Za-z0-9.]+$//'
} >"$folder/constraints.txt"
mv "$folder/constraints.txt" constraints.txt

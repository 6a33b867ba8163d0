#!/usr/bin/env bash
# Measures training, components and models on a CUDA machine, and writes benchmarks/gpu.md.
#
#   benchmarks/gpu.sh            installs the peers into .venv and measures, in about half an hour
#   benchmarks/gpu.sh --quick    runs everything once with tiny settings, on any device; installs and writes nothing
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
if [[ ${1:-} == --quick ]]; then
    exec "$python" benchmarks/gpu.py --quick
fi
"$python" -c 'import sys, torch; sys.exit("There is no CUDA device." if not torch.cuda.is_available() else 0)'
"$python" -m pip install --quiet diffusers vector-quantize-pytorch || echo "The peers could not be installed." >&2
exec "$python" benchmarks/gpu.py --write

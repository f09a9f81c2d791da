#!/bin/sh
# Runs the package on this machine, out of the archive beside this file:
#   ./run.sh test [options of npm run test:gpu]      ./run.sh bench [options of npm run bench:gpu]
#   ./run.sh googlenet doctor                        any command of the package
# GOOGLENET_TEST_DEVICES=cuda leaves the CPU out of the tests. PyTorch, for the benchmark, is that of
# GOOGLENET_PEER_PYTHON or of python3; its cuDNN and cuBLAS serve this package too.
set -eu
here=$(cd "${0%/*}" && pwd)
cd "$here"
python=${GOOGLENET_PEER_PYTHON:-python3}

if [ ! -d googlenet ]; then
  echo 'Unpacking ...' >&2
  rm -rf unpacking && mkdir unpacking
  if command -v xz >/dev/null; then
    xz -dc payload.tar.xz | tar -xf - -C unpacking
  else
    "$python" -c 'import tarfile; tarfile.open("payload.tar.xz").extractall("unpacking")'
  fi
  mv unpacking/googlenet googlenet
  rm -rf unpacking
fi
cd googlenet

shared="$PWD/bin/lib/shared"
LD_LIBRARY_PATH="$shared${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
if ! bin/node -e "require('./build/Release/googlenet.node')" 2>/dev/null; then
  # This machine has no C++ library, or an older one.
  LD_LIBRARY_PATH="$PWD/bin/lib/standard:$LD_LIBRARY_PATH"
fi

if command -v "$python" >/dev/null; then
  packages=$("$python" -c '
import importlib.util
spec = importlib.util.find_spec("nvidia")
print(":".join(path.rsplit("/", 1)[0] for path in spec.submodule_search_locations) if spec else "")' || true)
  if [ -n "$packages" ]; then
    export GOOGLENET_CUDA_PATH="${GOOGLENET_CUDA_PATH:+$GOOGLENET_CUDA_PATH:}$packages"
  fi
fi

what=${1:-}
[ $# -gt 0 ] && shift
case $what in
  test)
    export GOOGLENET_TEST_DEVICES="${GOOGLENET_TEST_DEVICES:-cpu,cuda}"
    exec bin/node scripts/test-gpu.mjs "$@" ;;
  bench) exec bin/node bench/gpu.mjs "$@" ;;
  googlenet) exec bin/node dist/lib/cli/main.js "$@" ;;
  *) echo 'usage: ./run.sh test | bench | googlenet [options]; see the head of this file' >&2; exit 2 ;;
esac

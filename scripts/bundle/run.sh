#!/bin/sh
# Runs the package on this machine, out of the archive beside this file:
#   ./run.sh test [options of npm run test:gpu]      ./run.sh bench [options of npm run bench:gpu]
#   ./run.sh googlenet doctor                        any command of the package
# GOOGLENET_TEST_DEVICES=cpu,cuda has the tests run on the CPU too. PyTorch, for the benchmark, is that of
# GOOGLENET_PEER_PYTHON or of python3; its cuDNN and cuBLAS serve this package too.
set -eu
called_in=$PWD
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
package=$here/googlenet

if command -v "$python" >/dev/null; then
  packages=$("$python" -c '
import importlib.util
spec = importlib.util.find_spec("nvidia")
print(":".join(path.rsplit("/", 1)[0] for path in spec.submodule_search_locations) if spec else "")' || true)
  if [ -n "$packages" ]; then
    export GOOGLENET_CUDA_PATH="${GOOGLENET_CUDA_PATH:+$GOOGLENET_CUDA_PATH:}$packages"
  fi
fi

# What is not of the bundle is started with the libraries that it had.
export GOOGLENET_HOST_LIBRARY_PATH="${LD_LIBRARY_PATH:-}"
LD_LIBRARY_PATH="$package/bin/lib/shared${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
if ! "$package/bin/node" -e "require('$package/build/Release/googlenet.node')" 2>/dev/null; then
  # This machine has no C++ library, or an older one.
  LD_LIBRARY_PATH="$package/bin/lib/standard:$LD_LIBRARY_PATH"
fi

# Paths among the options are those of the caller's folder.
cd "$called_in"
what=${1:-}
[ $# -gt 0 ] && shift
case $what in
  test) exec "$package/bin/node" "$package/scripts/test-gpu.mjs" "$@" ;;
  bench) exec "$package/bin/node" "$package/bench/gpu.mjs" "$@" ;;
  googlenet) exec "$package/bin/node" "$package/dist/lib/cli/main.js" "$@" ;;
  *) echo 'usage: ./run.sh test | bench | googlenet [options]; see the head of this file' >&2; exit 2 ;;
esac

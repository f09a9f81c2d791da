#!/bin/sh
# What prebuildify runs in place of node-gyp, whose arguments CMake has no use for.
exec npm run build:native

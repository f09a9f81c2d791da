// What the methods of `Loader` and `Packer` take, read and copied.
#pragma once
#include <vector>

#include "addon/arguments.h"
#include "images/pool.h"

namespace googlenet::addon {

struct LoaderOptions {
  int threads;
  images::DecoderOptions decoder;
};

/// 0 is every core that the process may use.
int read_threads(const Field& threads);
LoaderOptions read_loader_options(const Field& options);
images::Transform read_transform(const Field& transform);
/// The bytes of pictures in memory are copied.
std::vector<images::Request> read_pictures(const Field& pictures);
std::vector<images::Source> read_sources(const Field& sources);

}  // namespace googlenet::addon

// What the methods of `Loader` take, read and copied.
#pragma once
#include <vector>

#include "addon/arguments.h"
#include "images/pool.h"

namespace googlenet::addon {

struct LoaderOptions {
  int threads;
  int channels;
};

LoaderOptions read_loader_options(const Field& options);
images::Transform read_transform(const Field& transform);
/// The bytes of pictures in memory are copied.
std::vector<images::Request> read_pictures(const Field& pictures);

}  // namespace googlenet::addon

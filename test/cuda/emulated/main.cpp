// emulated NAME: checks one kind of kernel on random scenes in every precision; exit code 1 and the first
// difference when one is wrong.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "checks.h"

using emulated::Scene;
using googlenet::backends::Precision;

namespace {

constexpr std::pair<const char*, void (*)(Scene&)> kChecks[] = {
    {"input", emulated::check_input},
    {"element-wise", emulated::check_element_wise},
    {"max pool", emulated::check_max_pool},
    {"average pool", emulated::check_average_pool},
    {"batch norm", emulated::check_batch_norm},
    {"batch norm backward", emulated::check_batch_norm_backward},
    {"batch norm inference", emulated::check_batch_norm_inference},
    {"pooled batch norm", emulated::check_pooled_batch_norm},
    {"pooled batch norm backward", emulated::check_pooled_batch_norm_backward},
    {"lrn", emulated::check_lrn},
    {"softmax", emulated::check_softmax},
    {"around products", emulated::check_around_products},
    {"weights", emulated::check_weights},
    {"optimizer", emulated::check_optimizer},
    {"pictures", emulated::check_pictures},
};
constexpr std::pair<const char*, Precision> kPrecisions[] = {
    {"fp32", Precision::Fp32}, {"bf16", Precision::Bf16}, {"fp16", Precision::Fp16}};

}  // namespace

int main(int count, char** arguments) {
  const char* name = count > 1 ? arguments[1] : "";
  const int scenes = count > 2 ? std::atoi(arguments[2]) : 20;
  int done = 0;
  for (const auto& [check, run] : kChecks) {
    if (std::strcmp(check, name) != 0) continue;
    for (const auto& [precision_name, precision] : kPrecisions) {
      for (int seed = 1; seed <= scenes; seed++) {
        try {
          Scene scene(precision, seed);
          run(scene);
          done++;
        } catch (const std::exception& error) {
          std::printf("%s, %s, scene %d: %s\n", name, precision_name, seed, error.what());
          return 1;
        }
      }
    }
  }
  std::printf("%d scenes\n", done);
  return done > 0 ? 0 : 1;
}

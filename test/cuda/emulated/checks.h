// What is checked, by name: each runs one random scene, and throws std::runtime_error when a kernel is wrong.
#pragma once
#include "scene.h"

namespace emulated {

void check_input(Scene& scene);
void check_element_wise(Scene& scene);
void check_max_pool(Scene& scene);
void check_average_pool(Scene& scene);
void check_batch_norm(Scene& scene);
void check_batch_norm_backward(Scene& scene);
void check_batch_norm_inference(Scene& scene);
void check_pooled_batch_norm(Scene& scene);
void check_pooled_batch_norm_backward(Scene& scene);
void check_lrn(Scene& scene);
void check_softmax(Scene& scene);
/// What is left to do beside the products of libraries: biases, sums, gradients on their way.
void check_around_products(Scene& scene);
void check_weights(Scene& scene);
void check_optimizer(Scene& scene);
/// Crops of pictures, against the CPU's resizer.
void check_pictures(Scene& scene);

}  // namespace emulated

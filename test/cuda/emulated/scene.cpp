#include "scene.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace googlenet::backends::cuda {

// A backend of our kernels alone: no libraries, no card. What else it declares is never called, and stays
// undefined.
class Cudnn {};
class Blas {};

/// The program's friendship serves to bring a batch.
class CudaProgram {
 public:
  static void deliver(CudaBackend& backend, const Delivery& delivery, const LossScale& loss_scale) {
    backend.staging_->reserve(delivery);
    backend.staging_->send(delivery);
    backend.loss_scale_[0] = loss_scale;
  }
};

CudaBackend::CudaBackend(const Options& options)
    : options_(options),
      loss_scale_(make_device<LossScale>(1, "the loss scale")),
      staging_(std::make_unique<Staging>(nullptr)) {}
CudaBackend::~CudaBackend() = default;

}  // namespace googlenet::backends::cuda

namespace emulated {

using backends::Context;
using backends::cuda::CudaBackend;
using backends::cuda::CudaProgram;

namespace {

enum class Type { Float, Half, Bf16, Byte };

Type type_of(Element element, Precision precision) {
  if (element == Element::Byte) return Type::Byte;
  if (element == Element::Float || precision == Precision::Fp32) return Type::Float;
  return precision == Precision::Fp16 ? Type::Half : Type::Bf16;
}

size_t bytes_of(Type type) {
  return type == Type::Float ? 4 : type == Type::Byte ? 1 : 2;
}

template <class T>
T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

double get(Type type, const std::byte* from) {
  switch (type) {
    case Type::Float:
      return read<float>(from);
    case Type::Half:
      return __half2float(read<__half>(from));
    case Type::Bf16:
      return __bfloat162float(read<__nv_bfloat16>(from));
    case Type::Byte:
      return read<uint8_t>(from);
  }
  return 0;
}

template <class T>
void write(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

void set(Type type, std::byte* to, double value) {
  switch (type) {
    case Type::Float:
      return write(to, static_cast<float>(value));
    case Type::Half:
      return write(to, __float2half_rn(static_cast<float>(value)));
    case Type::Bf16:
      return write(to, __float2bfloat16_rn(static_cast<float>(value)));
    case Type::Byte:
      return write(to, static_cast<uint8_t>(value));
  }
}

/// Half a unit in the last place, and a little.
double rounding(Type type) {
  return type == Type::Float ? 0x1p-22 : type == Type::Half ? 0x1.1p-11 : type == Type::Bf16 ? 0x1.1p-8 : 0;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

}  // namespace

void expect_close(const std::string& what, double found, double wanted, double relative, double scale) {
  if (std::isnan(found) && std::isnan(wanted)) return;
  if (found == wanted || std::abs(found - wanted) <= relative * std::abs(wanted) + 4e-6 * scale) return;
  throw std::runtime_error(what + " is " + std::to_string(found) + ", not " + std::to_string(wanted));
}

Scene::Scene(Precision precision, uint64_t seed) : precision_(precision), random_(seed) {
  delivery.scalars.gradient_scale = 1;
}

int64_t Scene::integer(int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random_);
}

double Scene::real(double least, double most) {
  return std::uniform_real_distribution<double>(least, most)(random_);
}

View Scene::view(int64_t rows, int64_t channels, Layout layout, Element element) {
  View view{static_cast<int>(elements_.size()), rows, channels, channels, 0, 0};
  if (layout == Layout::Padded) {
    view.stride = (channels + pack() - 1) / pack() * pack();
    view.padding = view.stride - channels;
  } else if (layout == Layout::Slice) {
    view.offset = integer(0, 3) * pack();
    view.stride = view.offset + channels + integer(0, 2) * pack();
  } else if (layout == Layout::Odd) {
    view.offset = integer(0, 5);
    view.stride = view.offset + channels + integer(0, 5);
  }
  elements_.push_back(element);
  start_.buffers.emplace_back(rows * view.stride * size(view));
  View whole = view;
  whole.channels = view.stride;
  whole.offset = 0;
  fill(whole, [&](int64_t, int64_t c) {
    const bool padding = c >= view.offset + channels && c < view.offset + channels + view.padding;
    return padding                    ? std::numeric_limits<double>::quiet_NaN()
           : element == Element::Byte ? integer(0, 200)
                                      : real(-2, 2);
  });
  return view;
}

View Scene::view(int64_t rows, int64_t channels, Element element) {
  const int64_t kind = integer(0, 7);
  if (kind < 2) return view(rows, channels, Layout::Odd, element);
  if (kind < 5 && channels % pack() == 0) return view(rows, channels, Layout::Slice, element);
  return view(rows, channels, Layout::Padded, element);
}

View Scene::output(int64_t rows, int64_t channels, Element element) {
  View made = view(rows, channels, element);
  View all = made;
  all.channels += made.padding;
  fill(all, [](int64_t, int64_t) { return std::numeric_limits<double>::quiet_NaN(); });
  return made;
}

Range Scene::parameters(int64_t count, double least, double most) {
  // Odd gaps: nothing may rely on where a range begins.
  const int64_t gap = integer(0, 3), offset = static_cast<int64_t>(start_.weights.size()) + gap;
  for (int64_t i = 0; i < gap + count; i++) {
    start_.weights.push_back(static_cast<float>(real(least, most)));
    start_.gradients.push_back(static_cast<float>(real(-1, 1)));
  }
  return {offset, count};
}

size_t Scene::size(const View& view) const {
  return bytes_of(type_of(elements_[view.buffer], precision_));
}

double Scene::at(const State& state, const View& view, int64_t row, int64_t channel) const {
  const int64_t index = row * view.stride + view.offset + channel;
  return get(type_of(elements_[view.buffer], precision_),
             state.buffers[view.buffer].data() + index * size(view));
}

void Scene::put(State& state, const View& view, int64_t row, int64_t channel, double value) const {
  const int64_t index = row * view.stride + view.offset + channel;
  set(type_of(elements_[view.buffer], precision_), state.buffers[view.buffer].data() + index * size(view),
      value);
}

void Scene::fill(const View& view, const Value& value) {
  for (int64_t row = 0; row < view.rows; row++) {
    for (int64_t c = 0; c < view.channels; c++) put(start_, view, row, c, value(row, c));
  }
}

double Scene::before(const View& view, int64_t row, int64_t channel) const {
  return at(start_, view, row, channel);
}

double Scene::after(const View& view, int64_t row, int64_t channel) const {
  return at(end_, view, row, channel);
}

bool Scene::State::operator==(const State& other) const {
  for (size_t i = 0; i < buffers.size(); i++) {
    if (!same_bits(buffers[i], other.buffers[i])) return false;
  }
  return same_bits(weights, other.weights) && same_bits(gradients, other.gradients);
}

void Scene::run_by(const Enqueue& enqueue) {
  std::vector<State> ends;
  for (const Order way : {Order::Forward, Order::Backward}) {
    order = way;
    State state = start_;
    backends::cuda::Options options;
    options.precision = precision_;
    CudaBackend backend(options);
    CudaProgram::deliver(backend, delivery, loss_scale);
    std::vector<graph::Buffer> buffers(elements_.size());
    Context context;
    context.arena = state.buffers.empty() ? nullptr : state.buffers[0].data();
    for (size_t i = 0; i < buffers.size(); i++) {
      buffers[i].element = elements_[i];
      buffers[i].offset = state.buffers[i].data() - context.arena;
    }
    context.buffers = buffers.data();
    context.weights = state.weights.data();
    context.gradients = state.gradients.data();
    enqueue(backend, context);
    metrics_ = *backend.metrics();
    loss_scale_after_ = *backend.loss_scale();
    ends.push_back(std::move(state));
  }
  if (!(ends[0] == ends[1])) throw std::runtime_error("the result depends on the order of the threads");
  end_ = std::move(ends[0]);
}

void Scene::start(backends::Operation& operation, const Context& context) {
  std::vector<std::byte> workspace(operation.workspace(), std::byte{0xff});  // NaN
  Context with = context;
  with.workspace = workspace.data();
  operation.prepare(with);
  operation.run(with);
}

void Scene::expect(const std::string& what, const View& view, const Value& value) {
  double scale = 0;
  for (int64_t row = 0; row < view.rows; row++) {
    for (int64_t c = 0; c < view.channels; c++) {
      const double wanted = value(row, c);
      if (std::isfinite(wanted)) scale = std::max(scale, std::abs(wanted));
    }
  }
  const double relative = rounding(type_of(elements_[view.buffer], precision_));
  for (int64_t row = 0; row < view.rows; row++) {
    for (int64_t c = 0; c < view.channels + view.padding; c++) {
      const std::string place = what + "[" + std::to_string(row) + ", " + std::to_string(c) + "]";
      const bool padding = c >= view.channels && elements_[view.buffer] == Element::Activation;
      if (padding) expect_close(place + " (padding)", after(view, row, c), 0, 0, 0);
      if (c < view.channels) expect_close(place, after(view, row, c), value(row, c), relative, scale);
    }
  }
  expected_.push_back(view);
}

void Scene::expect_floats(const std::string& what, std::vector<float> State::*memory, const Range& range,
                          const std::function<double(int64_t)>& of) {
  double scale = 0;
  for (int64_t i = 0; i < range.count; i++) {
    if (std::isfinite(of(i))) scale = std::max(scale, std::abs(of(i)));
  }
  for (int64_t i = 0; i < range.count; i++) {
    expect_close(what + "[" + std::to_string(i) + "]", (end_.*memory)[range.offset + i], of(i), 1e-5, scale);
  }
  expected_floats_.push_back({memory, range});
}

void Scene::expect_parameters(const std::string& what, const Range& range,
                              const std::function<double(int64_t)>& of) {
  expect_floats(what, &State::weights, range, of);
}

void Scene::expect_gradients(const std::string& what, const Range& range,
                             const std::function<double(int64_t)>& of) {
  expect_floats(what, &State::gradients, range, of);
}

void Scene::expect_nothing_else() {
  // What was expected is made alike; then all must be.
  State before = start_;
  for (const View& view : expected_) {
    for (int64_t row = 0; row < view.rows; row++) {
      const size_t at = (row * view.stride + view.offset) * size(view);
      std::memcpy(before.buffers[view.buffer].data() + at, end_.buffers[view.buffer].data() + at,
                  (view.channels + view.padding) * size(view));
    }
  }
  for (const auto& [memory, range] : expected_floats_) {
    for (int64_t i = range.offset; i < range.offset + range.count; i++)
      (before.*memory)[i] = (end_.*memory)[i];
  }
  if (!(before == end_)) throw std::runtime_error("something else was written than the results");
}

}  // namespace emulated

// A oneDNN primitive whose arguments are bound once, and again only when the memory that they lie in has
// moved.
#pragma once
#include <array>

#include "backends/cpu/elements.h"
#include "backends/cpu/onednn.h"

namespace googlenet::backends::cpu {

class Primitive {
 public:
  Primitive() = default;
  template <class PrimitiveDesc>
  Primitive(const OneDnn& dnn, const dnnl::primitive& primitive, const PrimitiveDesc& desc)
      : dnn_(&dnn), primitive_(primitive), scratchpad_(desc.scratchpad_desc()) {}

  size_t scratchpad() const { return scratchpad_.get_size(); }

  /// `bind` fills in the arguments other than the scratchpad, which is the workspace's first bytes.
  template <class Bind>
  void execute(const Context& context, Bind bind) {
    const std::array<const void*, 4> bases{context.arena, context.workspace, context.weights,
                                           context.gradients};
    if (bases != bases_) {
      arguments_.clear();
      bind(arguments_);
      arguments_[DNNL_ARG_SCRATCHPAD] = dnn_->memory(scratchpad_, context.workspace);
      bases_ = bases;
    }
    primitive_.execute(dnn_->stream, arguments_);
  }

 private:
  const OneDnn* dnn_ = nullptr;
  dnnl::primitive primitive_;
  Desc scratchpad_;
  Arguments arguments_;
  std::array<const void*, 4> bases_{};
};

/// Bytes rounded up to a cache line, for what follows the scratchpad in the workspace.
inline size_t lines(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// The address of an activation as oneDNN takes it.
inline std::byte* address(const OneDnn& dnn, const Context& context, const graph::View& view) {
  const size_t size = dnn.activation == dnnl::memory::data_type::f32 ? 4 : 2;
  const auto& buffer = context.buffers[view.buffer];
  return context.arena + buffer.offset +
         view.offset * (buffer.element == graph::Element::Activation ? size : sizeof(float));
}

/// gradient[c] (+)= the sum of column c, as a bias's gradient is.
void sum_columns(const OneDnn& dnn, const Context& context, const graph::View& view, float* gradient);

}  // namespace googlenet::backends::cpu

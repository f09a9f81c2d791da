// cuBLASLt: matrix products, with a bias and a ReLU on what they give.
#pragma once
#include <cublasLt.h>

#include <memory>
#include <type_traits>

#include "backends/cuda/module.h"

namespace googlenet::backends::cuda {

// clang-format off
#define GOOGLENET_CUBLASLT_FUNCTIONS(apply) \
  apply(cublasLtGetStatusString) \
  apply(cublasLtCreate) \
  apply(cublasLtDestroy) \
  apply(cublasLtMatmul) \
  apply(cublasLtMatmulAlgoGetHeuristic) \
  apply(cublasLtMatmulDescCreate) \
  apply(cublasLtMatmulDescDestroy) \
  apply(cublasLtMatmulDescSetAttribute) \
  apply(cublasLtMatrixLayoutCreate) \
  apply(cublasLtMatrixLayoutDestroy) \
  apply(cublasLtMatmulPreferenceCreate) \
  apply(cublasLtMatmulPreferenceDestroy) \
  apply(cublasLtMatmulPreferenceSetAttribute)
// clang-format on

struct CublasLtFunctions {
// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member takes none
#define GOOGLENET_CUBLASLT_MEMBER(name) decltype(&::name) name = nullptr;
  GOOGLENET_CUBLASLT_FUNCTIONS(GOOGLENET_CUBLASLT_MEMBER)
#undef GOOGLENET_CUBLASLT_MEMBER
};

/// d = op(a) op(b) with op(a) m x k and op(b) k x n, all column-major as cuBLASLt has them. A matrix of ours,
/// rows of `stride` elements, is column-major the transposed one with that leading dimension.
struct Product {
  struct Matrix {
    cudaDataType_t type = CUDA_R_32F;
    int64_t stride = 0;
    bool transposed = false;
  };
  int64_t m = 0, n = 0, k = 0;
  Matrix a, b, d;
  bool bias = false;  // of d's type, one value for each of its m rows
  bool relu = false;
};

/// A handle of cuBLASLt with its owner; the function that destroys it is known at run time.
template <class Handle>
using BlasOwned = std::unique_ptr<std::remove_pointer_t<Handle>, cublasStatus_t (*)(Handle)>;

class Blas {
 public:
  /// Of the current device. Throws ERR_GOOGLENET_DEVICE.
  explicit Blas(const Options& options);

  /// Of activations.
  cudaDataType_t type() const;

 private:
  friend class ProductPlan;
  cublasComputeType_t compute_type() const;
  const Options options_;
  const CublasLtFunctions api_;
  BlasOwned<cublasLtHandle_t> handle_;
};

/// A product for which an algorithm has been chosen.
class ProductPlan {
 public:
  /// Addresses will be multiples of 16 bytes. Throws ERR_GOOGLENET_DEVICE when cuBLASLt has no algorithm.
  ProductPlan(const Blas& blas, const Product& product);

  size_t workspace() const { return heuristic_.workspaceSize; }
  void run(const void* a, const void* b, void* d, const void* bias, void* workspace, cudaStream_t stream);

 private:
  const Blas& blas_;
  BlasOwned<cublasLtMatmulDesc_t> product_;
  BlasOwned<cublasLtMatrixLayout_t> a_, b_, d_;
  cublasLtMatmulHeuristicResult_t heuristic_{};
};

}  // namespace googlenet::backends::cuda

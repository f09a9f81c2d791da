#include "backends/cuda/blas.h"

#include "backends/cuda/libraries.h"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

// NVIDIA's advice for Hopper; older cards want less.
constexpr size_t kMostWorkspace = size_t{32} << 20;
constexpr uint32_t kAlignment = 16;

void check(const CublasLtFunctions& api, cublasStatus_t status, const std::string& what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error("ERR_GOOGLENET_DEVICE",
              "cuBLASLt: " + std::string(api.cublasLtGetStatusString(status)) + " from " + what);
}

/// A handle that create(&handle, arguments...) makes.
template <class Handle, class Create, class... Arguments>
BlasOwned<Handle> make(const CublasLtFunctions& api, cublasStatus_t (*destroy)(Handle), Create create,
                       Arguments... arguments) {
  Handle handle = nullptr;
  check(api, create(&handle, arguments...), "making a handle");
  return {handle, destroy};
}

template <class T>
void set(const CublasLtFunctions& api, cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  check(api, api.cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value),
        "a product's attribute");
}

template <class T>
void set(const CublasLtFunctions& api, cublasLtMatmulPreference_t preference,
         cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
  check(api, api.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
        "a preference's attribute");
}

CublasLtFunctions resolve() {
  CublasLtFunctions api;
#define GOOGLENET_CUBLASLT_RESOLVE(name) \
  api.name = reinterpret_cast<decltype(&::name)>(libraries().cublaslt_symbol(#name));
  GOOGLENET_CUBLASLT_FUNCTIONS(GOOGLENET_CUBLASLT_RESOLVE)
#undef GOOGLENET_CUBLASLT_RESOLVE
  return api;
}

cublasLtEpilogue_t epilogue(const Product& product) {
  if (product.bias) return product.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  return product.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

BlasOwned<cublasLtMatmulDesc_t> describe(const CublasLtFunctions& api, const Product& product,
                                         cublasComputeType_t compute) {
  auto made = make<cublasLtMatmulDesc_t>(api, api.cublasLtMatmulDescDestroy, api.cublasLtMatmulDescCreate,
                                         compute, CUDA_R_32F);
  const auto operation = [](const Product::Matrix& matrix) {
    return static_cast<int32_t>(matrix.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  };
  set(api, made.get(), CUBLASLT_MATMUL_DESC_TRANSA, operation(product.a));
  set(api, made.get(), CUBLASLT_MATMUL_DESC_TRANSB, operation(product.b));
  set(api, made.get(), CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(product));
  return made;
}

/// Of op(matrix): rows x columns.
BlasOwned<cublasLtMatrixLayout_t> layout(const CublasLtFunctions& api, const Product::Matrix& matrix,
                                         int64_t rows, int64_t columns) {
  if (matrix.transposed) std::swap(rows, columns);
  return make<cublasLtMatrixLayout_t>(api, api.cublasLtMatrixLayoutDestroy, api.cublasLtMatrixLayoutCreate,
                                      matrix.type, static_cast<uint64_t>(rows),
                                      static_cast<uint64_t>(columns), matrix.stride);
}

/// How much workspace an algorithm may want, and what it may count on.
BlasOwned<cublasLtMatmulPreference_t> preference(const CublasLtFunctions& api) {
  auto made = make<cublasLtMatmulPreference_t>(api, api.cublasLtMatmulPreferenceDestroy,
                                               api.cublasLtMatmulPreferenceCreate);
  set(api, made.get(), CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(api, made.get(), attribute, kAlignment);
  }
  return made;
}

}  // namespace

Blas::Blas(const Options& options)
    : options_(options),
      api_(resolve()),
      handle_(make<cublasLtHandle_t>(api_, api_.cublasLtDestroy, api_.cublasLtCreate)) {}

cudaDataType_t Blas::type() const {
  switch (options_.precision) {
    case Precision::Bf16:
      return CUDA_R_16BF;
    case Precision::Fp16:
      return CUDA_R_16F;
    case Precision::Fp32:
      break;
  }
  return CUDA_R_32F;
}

cublasComputeType_t Blas::compute_type() const {
  const bool tf32 = options_.precision == Precision::Fp32 && options_.tf32;
  return tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

ProductPlan::ProductPlan(const Blas& blas, const Product& product)
    : blas_(blas),
      product_(describe(blas.api_, product, blas.compute_type())),
      a_(layout(blas.api_, product.a, product.m, product.k)),
      b_(layout(blas.api_, product.b, product.k, product.n)),
      d_(layout(blas.api_, product.d, product.m, product.n)) {
  const CublasLtFunctions& api = blas.api_;
  if (product.bias) {
    // Some address, as the heuristic may ask for one; run() gives the true one.
    alignas(256) static const std::byte kSome{};
    set(api, product_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(&kSome));
  }
  int found = 0;
  const cublasStatus_t status =
      api.cublasLtMatmulAlgoGetHeuristic(blas.handle_.get(), product_.get(), a_.get(), b_.get(), d_.get(),
                                         d_.get(), preference(api).get(), 1, &heuristic_, &found);
  const std::string what = "the product of " + std::to_string(product.m) + " x " + std::to_string(product.k) +
                           " and " + std::to_string(product.k) + " x " + std::to_string(product.n);
  check(api, status, what);
  check(api, found > 0 ? heuristic_.state : CUBLAS_STATUS_NOT_SUPPORTED, what);
}

void ProductPlan::run(const void* a, const void* b, void* d, const void* bias, void* workspace,
                      cudaStream_t stream) {
  const CublasLtFunctions& api = blas_.api_;
  if (bias != nullptr) set(api, product_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float one = 1, zero = 0;
  check(api,
        api.cublasLtMatmul(blas_.handle_.get(), product_.get(), &one, a, a_.get(), b, b_.get(), &zero, d,
                           d_.get(), d, d_.get(), &heuristic_.algo, workspace, heuristic_.workspaceSize,
                           stream),
        "a product");
}

}  // namespace googlenet::backends::cuda

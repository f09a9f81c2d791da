// A cuBLASLt that computes on the host, on the streams of host/device.h: the functions that the backend
// calls, products with a bias and a ReLU, in double and rounded once. What the real one would refuse ends the
// process with a message.
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "host/device.h"

namespace {

struct Description {
  int32_t transposed_a = CUBLAS_OP_N, transposed_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct Layout {
  cudaDataType_t type;
  uint64_t rows, columns;
  int64_t stride;
};
struct Preference {
  uint64_t workspace = 0;
};

constexpr size_t kWorkspace = 1024;
constexpr uintptr_t kAlignment = 16;

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "cuBLASLt of the tests: %s\n", what);
  std::abort();
}

double load(const void* from, cudaDataType_t type, size_t i) {
  switch (type) {
    case CUDA_R_16F:
      return __half2float(static_cast<const __half*>(from)[i]);
    case CUDA_R_16BF:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(from)[i]);
    default:
      return static_cast<const float*>(from)[i];
  }
}

void store(void* to, cudaDataType_t type, size_t i, double value) {
  const auto narrow = static_cast<float>(value);
  switch (type) {
    case CUDA_R_16F:
      static_cast<__half*>(to)[i] = __float2half_rn(narrow);
      break;
    case CUDA_R_16BF:
      static_cast<__nv_bfloat16*>(to)[i] = __float2bfloat16_rn(narrow);
      break;
    default:
      static_cast<float*>(to)[i] = narrow;
  }
}

/// op(matrix) in double, row by row.
std::vector<double> read(const void* from, const Layout& layout, bool transposed) {
  std::vector<double> values(layout.rows * layout.columns);
  for (uint64_t column = 0; column < layout.columns; column++) {
    for (uint64_t row = 0; row < layout.rows; row++) {
      const size_t to = transposed ? column * layout.rows + row : row * layout.columns + column;
      values[to] = load(from, layout.type, column * layout.stride + row);
    }
  }
  return values;
}

bool has_bias(cublasLtEpilogue_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}
bool has_relu(cublasLtEpilogue_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_RELU || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}

struct Product {
  Description what;
  Layout a, b, d;

  uint64_t m() const { return what.transposed_a ? a.columns : a.rows; }
  uint64_t k() const { return what.transposed_a ? a.rows : a.columns; }
  uint64_t n() const { return what.transposed_b ? b.rows : b.columns; }

  void check() const {
    demand(k() == (what.transposed_b ? b.columns : b.rows), "the inner sides of a product differ");
    demand(d.rows == m() && d.columns == n(), "the result has other sides than the product");
    demand(a.type == b.type, "the operands are of two types");
    for (const Layout& matrix : {a, b, d}) {
      demand(matrix.stride >= static_cast<int64_t>(matrix.rows), "a stride shorter than a column");
    }
  }

  void run(const void* from_a, const void* from_b, void* to) const {
    const std::vector<double> x = read(from_a, a, what.transposed_a), y = read(from_b, b, what.transposed_b);
    for (uint64_t row = 0; row < m(); row++) {
      for (uint64_t column = 0; column < n(); column++) {
        double sum = has_bias(what.epilogue) ? load(what.bias, d.type, row) : 0;
        for (uint64_t i = 0; i < k(); i++) sum += x[row * k() + i] * y[i * n() + column];
        if (has_relu(what.epilogue) && sum < 0) sum = 0;
        store(to, d.type, column * d.stride + row, sum);
      }
    }
  }
};

template <class T, class Handle>
T& object(Handle handle) {
  return *reinterpret_cast<T*>(handle);
}
template <class T, class Handle>
cublasStatus_t make(Handle* to, T value) {
  *to = reinterpret_cast<Handle>(new T(value));
  return CUBLAS_STATUS_SUCCESS;
}
template <class T, class Handle>
cublasStatus_t destroy(Handle handle) {
  delete reinterpret_cast<T*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}

bool set(void* to, size_t size, const void* from, size_t bytes) {
  if (size != bytes) return false;
  std::memcpy(to, from, bytes);
  return true;
}

bool aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kAlignment == 0;
}

}  // namespace

extern "C" {

size_t cublasLtGetVersion() {
  return 130101;
}
const char* cublasLtGetStatusString(cublasStatus_t) {
  return "a failure";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return make(handle, 0);
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return destroy<int>(handle);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t,
                                        cudaDataType_t) {
  return make(description, Description{});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  return destroy<Description>(description);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t name, const void* from,
                                              size_t bytes) {
  Description& what = object<Description>(handle);
  bool taken = false;
  if (name == CUBLASLT_MATMUL_DESC_TRANSA) taken = set(&what.transposed_a, sizeof(int32_t), from, bytes);
  if (name == CUBLASLT_MATMUL_DESC_TRANSB) taken = set(&what.transposed_b, sizeof(int32_t), from, bytes);
  if (name == CUBLASLT_MATMUL_DESC_EPILOGUE) taken = set(&what.epilogue, sizeof what.epilogue, from, bytes);
  if (name == CUBLASLT_MATMUL_DESC_BIAS_POINTER) taken = set(&what.bias, sizeof what.bias, from, bytes);
  return taken ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t stride) {
  return make(layout, Layout{type, rows, columns, stride});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy<Layout>(layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return make(preference, Preference{});
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy<Preference>(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void* from, size_t bytes) {
  if (name != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
    uint32_t alignment = 0;
    return set(&alignment, sizeof alignment, from, bytes) && alignment == kAlignment
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_INVALID_VALUE;
  }
  uint64_t& workspace = object<Preference>(handle).workspace;
  return set(&workspace, sizeof workspace, from, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t what,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  Product{object<Description>(what), object<Layout>(a), object<Layout>(b), object<Layout>(d)}.check();
  *found = wanted > 0 && object<Preference>(preference).workspace >= kWorkspace ? 1 : 0;
  if (*found == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {};
  results[0].workspaceSize = kWorkspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t what, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void*, cublasLtMatrixLayout_t, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t*, void* workspace,
                              size_t bytes, cudaStream_t stream) {
  const Product product{object<Description>(what), object<Layout>(a_layout), object<Layout>(b_layout),
                        object<Layout>(d_layout)};
  product.check();
  demand(*static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0, "other factors");
  demand(aligned(a) && aligned(b) && aligned(d), "an operand that does not begin at 16 bytes");
  demand(workspace != nullptr && bytes >= kWorkspace, "no workspace");
  demand(!has_bias(product.what.epilogue) || product.what.bias != nullptr, "no bias");
  device::enqueue(stream, [=] {
    std::memset(workspace, 0x5a, kWorkspace);
    product.run(a, b, d);
  });
  return CUBLAS_STATUS_SUCCESS;
}
}

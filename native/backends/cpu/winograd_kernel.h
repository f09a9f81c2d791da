// The three stages of winograd.h, over whatever register the including file has set up: it defines
// `Register`, `kLanes`, `multiply_add`, `broadcast`, `load`, `store` for one instruction set, in an anonymous
// namespace.

/// Points of interpolation ±a and ±b beside 0 and infinity.
constexpr float kA = 0.7f, kB = 1.5f;
constexpr float kA2 = kA * kA, kB2 = kB * kB;

/// The transposed B of the six points, on six registers: d -> B^T d.
INLINE void transform_input(const Register* d, int64_t stride, Register* out, int64_t out_stride) {
  const Register d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride], d4 = d[4 * stride],
                 d5 = d[5 * stride];
  const Register sum = broadcast(kA2 + kB2), product = broadcast(kA2 * kB2);
  const Register even_a = d4 - broadcast(kB2) * d2, odd_a = broadcast(kA) * (d3 - broadcast(kB2) * d1);
  const Register even_b = d4 - broadcast(kA2) * d2, odd_b = broadcast(kB) * (d3 - broadcast(kA2) * d1);
  out[0] = product * d0 - sum * d2 + d4;
  out[out_stride] = even_a + odd_a;
  out[2 * out_stride] = even_a - odd_a;
  out[3 * out_stride] = even_b + odd_b;
  out[4 * out_stride] = even_b - odd_b;
  out[5 * out_stride] = product * d1 - sum * d3 + d5;
}

/// The transposed A: six products -> kOutputs results.
template <int kOutputs>
INLINE void transform_output(const Register* m, int64_t stride, Register* out, int64_t out_stride) {
  const Register sum_a = m[stride] + m[2 * stride], difference_a = m[stride] - m[2 * stride];
  const Register sum_b = m[3 * stride] + m[4 * stride], difference_b = m[3 * stride] - m[4 * stride];
  const Register last = m[5 * stride];
  out[0] = m[0] + sum_a + sum_b;
  const Register first = broadcast(kA) * difference_a + broadcast(kB) * difference_b;
  if constexpr (kOutputs == 2) {
    out[out_stride] = first + last;
  } else {
    out[out_stride] = first;
    out[2 * out_stride] = broadcast(kA2) * sum_a + broadcast(kB2) * sum_b;
    out[3 * out_stride] = broadcast(kA2 * kA) * difference_a + broadcast(kB2 * kB) * difference_b + last;
  }
}

struct TileAt {
  int64_t n, y, x;  // image, and the first pixel of the tile's output
  TileAt(const WinogradWork& work, int64_t tile, int64_t outputs)
      : n(tile / (work.tiles_y * work.tiles_x)),
        y(tile / work.tiles_x % work.tiles_y * outputs),
        x(tile % work.tiles_x * outputs) {}
};

template <int kOutputs>
void input_stage(const WinogradWork& work, int64_t first, int64_t count, float* v) {
  const int64_t product_stride = count * work.padded_in;
  for (int64_t t = 0; t < count; t++) {
    const TileAt at(work, first + t, kOutputs);
    const float* pixels[kWinogradProducts];
    for (int i = 0; i < kWinogradTile; i++) {
      const int64_t y = at.y - work.padding + i;
      for (int j = 0; j < kWinogradTile; j++) {
        const int64_t x = at.x - work.padding + j;
        const bool inside = y >= 0 && y < work.height && x >= 0 && x < work.width;
        pixels[i * kWinogradTile + j] =
            inside ? work.input + ((at.n * work.height + y) * work.width + x) * work.input_stride
                   : work.zeros;
      }
    }
    for (int64_t c = 0; c < work.padded_in; c += kLanes) {
      Register d[kWinogradProducts], columns[kWinogradProducts];
      if (c + kLanes <= work.in) {
        for (int p = 0; p < kWinogradProducts; p++) d[p] = load(pixels[p] + c);
      } else {
        for (int p = 0; p < kWinogradProducts; p++) d[p] = load_some(pixels[p] + c, work.in - c);
      }
      for (int j = 0; j < kWinogradTile; j++) {
        transform_input(d + j, kWinogradTile, columns + j, kWinogradTile);
      }
      for (int i = 0; i < kWinogradTile; i++) {
        transform_input(columns + i * kWinogradTile, 1, d + i * kWinogradTile, 1);
      }
      float* to = v + t * work.padded_in + c;
      for (int p = 0; p < kWinogradProducts; p++) store(to + p * product_stride, d[p]);
    }
  }
}

/// kRows tiles by kRegisters registers of output channels.
template <int kRows, int kRegisters>
INLINE void multiply(const float* __restrict v, int64_t v_stride, const float* __restrict u, int64_t in,
                     float* __restrict m, int64_t m_stride) {
  Register sums[kRows][kRegisters] = {};
  for (int64_t k = 0; k < in; k++) {
    Register filter[kRegisters];
#pragma GCC unroll 4
    for (int j = 0; j < kRegisters; j++) filter[j] = load(u + (k * kRegisters + j) * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; i++) {
      const Register value = broadcast(v[i * v_stride + k]);
#pragma GCC unroll 4
      for (int j = 0; j < kRegisters; j++) sums[i][j] = multiply_add(value, filter[j], sums[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < kRegisters; j++) store(m + i * m_stride + j * kLanes, sums[i][j]);
  }
}

template <int kRows, int kRegisters>
void multiply_rows(int64_t rows, const float* v, int64_t v_stride, const float* u, int64_t in, float* m) {
  constexpr int64_t m_stride = kRegisters * kLanes;
  while (rows >= kRows) {
    multiply<kRows, kRegisters>(v, v_stride, u, in, m, m_stride);
    v += kRows * v_stride;
    m += kRows * m_stride;
    rows -= kRows;
  }
  if constexpr (kRows > 1) {
    if (rows > 0) multiply_rows<kRows / 2, kRegisters>(rows, v, v_stride, u, in, m);
  }
}

template <int kOutputs, int kRegisters>
void output_stage(const WinogradWork& work, int64_t first, int64_t count, const Panel& panel,
                  const float* m) {
  constexpr int64_t tile_stride = kRegisters * kLanes;
  for (int64_t t = 0; t < count; t++) {
    const TileAt at(work, first + t, kOutputs);
    const int64_t rows = std::min<int64_t>(kOutputs, work.out_height - at.y);
    const int64_t columns = std::min<int64_t>(kOutputs, work.out_width - at.x);
    float* to = work.output + ((at.n * work.out_height + at.y) * work.out_width + at.x) * work.output_stride;
    for (int j = 0; j < kRegisters; j++) {
      const int64_t c = (panel.first + j) * kLanes;
      Register products[kWinogradProducts], half[kOutputs * kWinogradTile], results[kOutputs * kOutputs];
      for (int p = 0; p < kWinogradProducts; p++) {
        products[p] = load(m + (p * count + t) * tile_stride + j * kLanes);
      }
      for (int x = 0; x < kWinogradTile; x++) {
        transform_output<kOutputs>(products + x, kWinogradTile, half + x, kWinogradTile);
      }
      const Register bias = load(work.bias + c);
      for (int y = 0; y < kOutputs; y++) {
        transform_output<kOutputs>(half + y * kWinogradTile, 1, results + y * kOutputs, 1);
        for (int x = 0; x < kOutputs; x++) {
          Register& value = results[y * kOutputs + x];
          value = value + bias;
          if (work.relu) value = value < Register{} ? Register{} : value;  // NaN stays
        }
      }
      for (int64_t y = 0; y < rows; y++) {
        for (int64_t x = 0; x < columns; x++) {
          float* pixel = to + (y * work.out_width + x) * work.output_stride + c;
          if (c + kLanes <= work.out) {
            store(pixel, results[y * kOutputs + x]);
          } else {
            store_some(pixel, results[y * kOutputs + x], work.out - c);
          }
        }
      }
    }
  }
}

template <int kOutputs, int kRows, int kRegisters>
void panel_stage(const WinogradWork& work, int64_t first, int64_t count, const Panel& panel, const float* v,
                 float* m) {
  constexpr int64_t channels = kRegisters * kLanes;
  const float* u = work.filters + panel.first * kLanes * work.in * kWinogradProducts;
  for (int p = 0; p < kWinogradProducts; p++) {
    multiply_rows<kRows, kRegisters>(count, v + p * count * work.padded_in, work.padded_in,
                                     u + p * work.in * channels, work.in, m + p * count * channels);
  }
  output_stage<kOutputs, kRegisters>(work, first, count, panel, m);
}

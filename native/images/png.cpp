#include "images/png.h"

#include <png.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

namespace googlenet::images {
namespace {

constexpr size_t kPixel = 4;  // every colour type is expanded to 8-bit RGBA

bool has_end_chunk(std::span<const uint8_t> bytes) {
  static constexpr std::string_view kEnd("IEND\xAE\x42\x60\x82", 8);
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).rfind(kEnd) !=
         std::string_view::npos;
}

void lay_over_white(uint8_t* row, int count) {
  for (int i = 0; i < count; ++i, row += kPixel) {
    const int alpha = row[3];
    if (alpha == 255) continue;
    for (int c = 0; c < 3; c++) {
      row[c] = static_cast<uint8_t>((row[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

class PngReader final : public Reader {
 public:
  PngReader() = default;
  ~PngReader() override { release(); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Extent open(std::span<const uint8_t> bytes) override;
  void read(const Target& target, Resizer& resizer) override;

 private:
  static void on_error(png_structp png, png_const_charp message);
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep into, size_t count);

  void release() { png_destroy_read_struct(&png_, &info_, nullptr); }
  void read_interlaced();
  void push(uint8_t* row, const Target& target, Resizer& resizer);

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  ErrorJump jump_{};
  Extent picture_{};
  std::span<const uint8_t> rest_;
  std::vector<uint8_t> pixels_;
};

void PngReader::on_error(png_structp png, png_const_charp message) {
  auto* jump = static_cast<ErrorJump*>(png_get_error_ptr(png));
  std::snprintf(jump->message, sizeof jump->message, "%s", message);
  std::longjmp(jump->target, 1);
}

void PngReader::on_read(png_structp png, png_bytep into, size_t count) {
  auto& rest = static_cast<PngReader*>(png_get_io_ptr(png))->rest_;
  if (count > rest.size()) png_error(png, "the data end too early");
  std::memcpy(into, rest.data(), count);
  rest = rest.subspan(count);
}

Extent PngReader::open(std::span<const uint8_t> bytes) {
  release();
  rest_ = bytes;
  if (!has_end_chunk(bytes)) throw unreadable("is truncated: the PNG data end without an IEND chunk");
  catch_jump(jump_,
             [this] { png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &jump_, on_error, on_warning); });
  if (png_ != nullptr) info_ = png_create_info_struct(png_);
  if (info_ == nullptr) throw std::bad_alloc();
  catch_jump(jump_, [this] {
    png_set_read_fn(png_, this, on_read);
    // Only the chunks that make pixels are read: text and colour profiles may inflate to any size.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_extent says it better
    png_read_info(png_, info_);
  });
  picture_ = {static_cast<int>(png_get_image_width(png_, info_)),
              static_cast<int>(png_get_image_height(png_, info_))};
  check_extent(picture_);
  return picture_;
}

void PngReader::read(const Target& target, Resizer& resizer) {
  struct Release {
    PngReader& reader;
    ~Release() { reader.release(); }
  } release{*this};
  const bool interlaced = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
  const size_t stride = static_cast<size_t>(picture_.width) * kPixel;
  if (interlaced) {
    check_held_bytes(picture_, static_cast<int64_t>(stride) * picture_.height, "an interlaced PNG");
  }
  catch_jump(jump_, [this] {
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_add_alpha(png_, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  });

  resizer.begin(picture_, target);
  const Span rows = resizer.rows();
  const size_t first = static_cast<size_t>(resizer.columns().first) * kPixel;
  if (interlaced) {
    read_interlaced();
    for (int y = rows.first; y < rows.end(); y++) push(pixels_.data() + y * stride + first, target, resizer);
    pixels_ = {};
    return;
  }
  pixels_.resize(stride + kRowPadding);
  for (int y = 0; y < rows.end(); y++) {
    catch_jump(jump_, [this] { png_read_row(png_, pixels_.data(), nullptr); });
    if (y >= rows.first) push(pixels_.data() + first, target, resizer);
  }
}

void PngReader::read_interlaced() {
  const size_t stride = static_cast<size_t>(picture_.width) * kPixel;
  pixels_.resize(stride * picture_.height + kRowPadding);
  std::vector<png_bytep> rows(picture_.height);
  for (int y = 0; y < picture_.height; y++) rows[y] = pixels_.data() + y * stride;
  catch_jump(jump_, [&] { png_read_image(png_, rows.data()); });
}

void PngReader::push(uint8_t* row, const Target& target, Resizer& resizer) {
  const int count = resizer.columns().count;
  lay_over_white(row, count);
  if (target.channels == 1) pixels_to_luma(row, count);
  resizer.push(row);
}

}  // namespace

std::unique_ptr<Reader> make_png_reader() {
  return std::make_unique<PngReader>();
}

}  // namespace googlenet::images

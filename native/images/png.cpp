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
  void read(RowSink& sink) override;

 private:
  static void on_error(png_structp png, png_const_charp message);
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep into, size_t count);

  void release() { png_destroy_read_struct(&png_, &info_, nullptr); }
  size_t stride() const { return static_cast<size_t>(picture_.width) * kPixel; }
  void read_rows(RowSink& sink);
  void read_interlaced(RowSink& sink);
  void push(uint8_t* row, RowSink& sink);

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  ErrorJump jump_{};
  Extent picture_{};
  std::span<const uint8_t> rest_;
  std::vector<uint8_t> row_;
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

void PngReader::read(RowSink& sink) {
  struct Release {
    PngReader& reader;
    ~Release() { reader.release(); }
  } release{*this};
  catch_jump(jump_, [this] {
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_add_alpha(png_, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  });
  sink.begin(picture_, 1);
  if (png_get_interlace_type(png_, info_) == PNG_INTERLACE_NONE) {
    read_rows(sink);
  } else {
    read_interlaced(sink);
  }
}

void PngReader::read_rows(RowSink& sink) {
  const Span rows = sink.rows();
  row_.resize(stride() + kRowPadding);
  for (int y = 0; y < rows.end(); y++) {
    catch_jump(jump_, [this] { png_read_row(png_, row_.data(), nullptr); });
    if (y >= rows.first) push(row_.data(), sink);
  }
}

void PngReader::read_interlaced(RowSink& sink) {
  const size_t bytes = stride() * static_cast<size_t>(picture_.height);
  check_held_bytes(picture_, static_cast<int64_t>(bytes), "an interlaced PNG");
  std::vector<uint8_t> pixels(bytes + kRowPadding);
  std::vector<png_bytep> rows(picture_.height);
  for (int y = 0; y < picture_.height; y++) rows[y] = pixels.data() + y * stride();
  catch_jump(jump_, [&] { png_read_image(png_, rows.data()); });
  for (int y = sink.rows().first; y < sink.rows().end(); y++) push(rows[y], sink);
}

void PngReader::push(uint8_t* row, RowSink& sink) {
  const auto [first, count] = sink.columns();
  uint8_t* const needed = row + static_cast<size_t>(first) * kPixel;
  lay_over_white(needed, count);
  if (sink.channels() == 1) pixels_to_luma(needed, count);
  sink.push(needed);
}

}  // namespace

std::unique_ptr<Reader> make_png_reader() {
  return std::make_unique<PngReader>();
}

}  // namespace googlenet::images

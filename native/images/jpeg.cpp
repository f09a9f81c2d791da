#include "images/jpeg.h"

#include <algorithm>
#include <cstdio>
#include <vector>

// jpeglib.h needs FILE before it, and jerror.h what jpeglib.h defines.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

namespace googlenet::images {
namespace {

/// Real progressive files have about ten scans; each of thousands costs a pass over the picture.
constexpr int kMaxScans = 500;
/// Fancy upsampling looks at the chroma sample beside: columns this near to a cut are not exact.
constexpr int kEdge = 2;
/// The scaled inverse DCT takes over part of the filter only where this many times the pixels of the output
/// are left. Measured on photographs, against Pillow on the whole picture: at 10 no pixel is further than 2
/// from it (0.2 on average), at 8 4, at 6 5, at 4 8. At 2, with what else is less exact, 18 (1 on average).
constexpr double kKept = 10.0;
constexpr double kKeptFast = 2.0;

/// The entropy-coded data cannot hold FF D9, so its absence means that the end is missing.
bool has_end_marker(std::span<const uint8_t> scan) {
  for (size_t i = scan.size(); i >= 2; i--) {
    if (scan[i - 2] == 0xFF && scan[i - 1] == JPEG_EOI) return true;
  }
  return false;
}

/// Inks as Adobe writes them and everybody reads them: 255 is none.
void cmyk_to_rgb(uint8_t* row, int count) {
  for (int i = 0; i < count; ++i, row += 4) {
    for (int c = 0; c < 3; c++) row[c] = static_cast<uint8_t>((row[c] * row[3] + 127) / 255);
  }
}

class JpegReader final : public Reader {
 public:
  explicit JpegReader(Quality quality) : quality_(quality) {
    decompress_.err = jpeg_std_error(&errors_);
    decompress_.client_data = &jump_;
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    progress_.progress_monitor = on_progress;
  }
  ~JpegReader() override { release(); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  Extent open(std::span<const uint8_t> bytes) override;
  bool is_plain_jpeg() const override;
  void read(RowSink& sink) override;

 private:
  static void on_error(j_common_ptr info);
  static void on_message(j_common_ptr info, int level);
  static void on_progress(j_common_ptr info);

  void release() { jpeg_destroy_decompress(&decompress_); }
  bool is_cmyk() const { return decompress_.out_color_space == JCS_CMYK; }
  void choose_format(const RowSink& sink);
  void read_rows(RowSink& sink);

  const Quality quality_;
  jpeg_decompress_struct decompress_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  ErrorJump jump_{};
  std::vector<uint8_t> row_;
};

void JpegReader::on_error(j_common_ptr info) {
  auto* jump = static_cast<ErrorJump*>(info->client_data);
  char message[JMSG_LENGTH_MAX];
  info->err->format_message(info, message);
  std::snprintf(jump->message, sizeof jump->message, "%s", message);
  std::longjmp(jump->target, 1);
}

/// Warnings (level -1) by which pixels are lost are errors; others, as of bytes after the picture, are not.
void JpegReader::on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_JPEG_EOF:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      info->err->error_exit(info);
      break;
    default:
      break;
  }
}

void JpegReader::on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  auto* jump = static_cast<ErrorJump*>(info->client_data);
  std::snprintf(jump->message, sizeof jump->message, "more than %d scans", kMaxScans);
  std::longjmp(jump->target, 1);
}

Extent JpegReader::open(std::span<const uint8_t> bytes) {
  release();
  catch_jump(jump_, [&] {
    // Anew for each picture: a decompressor keeps its tables, and a file without some would get another's.
    jpeg_create_decompress(&decompress_);
    decompress_.progress = &progress_;
    jpeg_mem_src(&decompress_, bytes.data(), bytes.size());
    jpeg_read_header(&decompress_, TRUE);
  });
  const Extent picture{static_cast<int>(decompress_.image_width), static_cast<int>(decompress_.image_height)};
  check_extent(picture);
  if (!has_end_marker(bytes.last(decompress_.src->bytes_in_buffer))) {
    throw unreadable("is truncated: the JPEG data end without an end-of-image marker");
  }
  if (jpeg_has_multiple_scans(&decompress_)) {
    int64_t blocks = 0;
    for (int i = 0; i < decompress_.num_components; i++) {
      const jpeg_component_info& component = decompress_.comp_info[i];
      blocks += int64_t{component.width_in_blocks} * component.height_in_blocks;
    }
    check_held_bytes(picture, blocks * static_cast<int64_t>(sizeof(JBLOCK)), "a multi-scan JPEG");
  }
  return picture;
}

bool JpegReader::is_plain_jpeg() const {
  const J_COLOR_SPACE space = decompress_.jpeg_color_space;
  return decompress_.progressive_mode == 0 && decompress_.comps_in_scan == decompress_.num_components &&
         (space == JCS_GRAYSCALE || space == JCS_YCbCr);
}

void JpegReader::choose_format(const RowSink& sink) {
  const double kept = quality_ == Quality::Fast ? kKeptFast : kKept;
  decompress_.scale_denom = 8;
  decompress_.scale_num = 8;
  while (decompress_.scale_num > 1 && sink.reduction() * (decompress_.scale_num / 2) / 8 >= kept) {
    decompress_.scale_num /= 2;
  }
  switch (decompress_.jpeg_color_space) {
    case JCS_CMYK:
    case JCS_YCCK:
      decompress_.out_color_space = JCS_CMYK;
      break;
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB:
      decompress_.out_color_space = sink.channels() == 1 ? JCS_GRAYSCALE : JCS_EXT_RGBX;
      break;
    default:
      throw unreadable("is a JPEG of " + std::to_string(decompress_.num_components) +
                       " components in an unknown colour space");
  }
  const bool fast = quality_ == Quality::Fast;
  decompress_.dct_method = fast ? JDCT_IFAST : JDCT_ISLOW;
  decompress_.do_fancy_upsampling = fast ? FALSE : TRUE;
}

void JpegReader::read(RowSink& sink) {
  struct Release {
    JpegReader& reader;
    ~Release() { reader.release(); }
  } release{*this};
  choose_format(sink);
  catch_jump(jump_, [this] { jpeg_start_decompress(&decompress_); });
  read_rows(sink);
}

void JpegReader::read_rows(RowSink& sink) {
  const double scale = static_cast<double>(decompress_.scale_num) / decompress_.scale_denom;
  const Extent scaled{static_cast<int>(decompress_.output_width),
                      static_cast<int>(decompress_.output_height)};
  sink.begin(scaled, scale);
  const Span columns = sink.columns();
  const Span rows = sink.rows();

  JDIMENSION left = static_cast<JDIMENSION>(std::max(columns.first - kEdge, 0));
  JDIMENSION width = static_cast<JDIMENSION>(std::min(columns.end() + kEdge, scaled.width)) - left;
  catch_jump(jump_, [&] {
    jpeg_crop_scanline(&decompress_, &left, &width);
    if (rows.first > 0) jpeg_skip_scanlines(&decompress_, static_cast<JDIMENSION>(rows.first));
  });
  row_.resize(static_cast<size_t>(width) * 4 + kRowPadding);
  const size_t pixel = is_cmyk() ? 4 : static_cast<size_t>(pixel_bytes(sink.channels()));
  uint8_t* needed = row_.data() + (static_cast<size_t>(columns.first) - left) * pixel;
  for (int i = 0; i < rows.count; i++) {
    catch_jump(jump_, [this] {
      JSAMPROW row = row_.data();
      jpeg_read_scanlines(&decompress_, &row, 1);
    });
    if (is_cmyk()) {
      cmyk_to_rgb(needed, columns.count);
      if (sink.channels() == 1) pixels_to_luma(needed, columns.count);
    }
    sink.push(needed);
  }
}

}  // namespace

std::unique_ptr<Reader> make_jpeg_reader(Quality quality) {
  return std::make_unique<JpegReader>(quality);
}

}  // namespace googlenet::images

#include "images/encoder.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "images/reader.h"

// jpeglib.h needs FILE before it.
#include <jpeglib.h>

namespace googlenet::images {
namespace {

bool is_grey(const uint8_t* pixels, size_t count) {
  for (size_t i = 0; i < count; ++i, pixels += 3) {
    if (pixels[0] != pixels[1] || pixels[1] != pixels[2]) return false;
  }
  return true;
}

class Compressor {
 public:
  Compressor() {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = &jump_;
    errors_.error_exit = on_error;
    errors_.emit_message = [](j_common_ptr, int) {};
  }
  ~Compressor() {
    jpeg_destroy_compress(&info_);
    std::free(bytes_);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  std::span<const uint8_t> run(const uint8_t* pixels, Extent extent, int quality) {
    const bool grey = is_grey(pixels, static_cast<size_t>(extent.width) * extent.height);
    catch_jump(jump_, [&] {
      jpeg_create_compress(&info_);
      jpeg_mem_dest(&info_, &bytes_, &length_);
      info_.image_width = static_cast<JDIMENSION>(extent.width);
      info_.image_height = static_cast<JDIMENSION>(extent.height);
      info_.input_components = 3;
      info_.in_color_space = JCS_RGB;
      jpeg_set_defaults(&info_);
      if (grey) jpeg_set_colorspace(&info_, JCS_GRAYSCALE);
      jpeg_set_quality(&info_, quality, TRUE);
      info_.optimize_coding = TRUE;
      info_.dct_method = JDCT_ISLOW;
      jpeg_start_compress(&info_, TRUE);
      while (info_.next_scanline < info_.image_height) {
        // libjpeg's interface lacks the const; it reads the row.
        auto* row =
            const_cast<uint8_t*>(pixels + static_cast<size_t>(info_.next_scanline) * extent.width * 3);
        jpeg_write_scanlines(&info_, &row, 1);
      }
      jpeg_finish_compress(&info_);
    });
    return {bytes_, length_};
  }

 private:
  static void on_error(j_common_ptr info) {
    auto* jump = static_cast<ErrorJump*>(info->client_data);
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    std::snprintf(jump->message, sizeof jump->message, "%s", message);
    std::longjmp(jump->target, 1);
  }

  jpeg_compress_struct info_{};
  jpeg_error_mgr errors_{};
  ErrorJump jump_{};
  unsigned char* bytes_ = nullptr;
  unsigned long length_ = 0;
};

}  // namespace

void encode_jpeg(const uint8_t* pixels, Extent extent, int quality, std::vector<uint8_t>& out) {
  Compressor compressor;
  const std::span<const uint8_t> bytes = compressor.run(pixels, extent, quality);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace googlenet::images

// What a picture format must do: say how large the picture is, then give the rows that a resizer asks for.
#pragma once
#include <csetjmp>
#include <cstdint>
#include <span>
#include <string>

#include "error.h"
#include "images/resizer.h"

namespace googlenet::images {

inline constexpr const char* kUnreadable = "ERR_GOOGLENET_PICTURE";

/// Why a picture cannot be read, as a phrase that follows its name: "is empty", "ends too early".
inline Error unreadable(const std::string& reason) {
  return Error(kUnreadable, reason);
}

/// A file may claim more than this only to exhaust the machine (268 M pixels: 16384 x 16384).
inline constexpr int64_t kMaxPixels = int64_t{1} << 28;
/// Most bytes that a picture which cannot be decoded row by row may take while it is decoded.
inline constexpr int64_t kMaxHeldBytes = int64_t{512} << 20;

void check_extent(Extent picture);
void check_held_bytes(Extent picture, int64_t bytes, const char* kind);

class Reader {
 public:
  virtual ~Reader() = default;
  /// Reads the header. `bytes` must outlive the read() that follows. Throws unreadable(...).
  virtual Extent open(std::span<const uint8_t> bytes) = 0;
  /// Whether what was opened is a JPEG of one scan, grey or YCbCr: what can be read fastest.
  virtual bool is_plain_jpeg() const { return false; }
  /// Decodes what `sink` needs of the picture that was opened. Throws unreadable(...).
  virtual void read(RowSink& sink) = 0;
};

/// Luma of an RGB pixel: ITU-R 601-2 in 16 bits, as Pillow's convert('L').
inline uint8_t luma(int red, int green, int blue) {
  return static_cast<uint8_t>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}

/// In place: `count` pixels of 4 bytes become `count` bytes.
void pixels_to_luma(uint8_t* row, int count);

/// Where libjpeg and libpng jump to on an error, and what it was.
struct ErrorJump {
  std::jmp_buf target;
  char message[256];
};

/// Runs `call`; an error inside becomes an exception. The jump runs no destructors, so `call` calls the C
/// library and does nothing else.
template <class Call>
void catch_jump(ErrorJump& jump, Call call) {
  if (setjmp(jump.target) != 0) throw unreadable(std::string("is damaged: ") + jump.message);
  call();
}

}  // namespace googlenet::images

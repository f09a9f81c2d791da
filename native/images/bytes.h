// Where the bytes of a picture are, and how a thread gets hold of them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace googlenet::images {

/// A regular file, or `length` bytes of it from `offset` on.
struct FileSource {
  struct Range {
    int64_t offset;
    int64_t length;
  };
  std::string path;
  std::optional<Range> range;
};

using MemorySource = std::vector<uint8_t>;

using Source = std::variant<FileSource, MemorySource>;

/// Reads pictures into a buffer that is used again for the next one.
class ByteReader {
 public:
  /// Valid until the next call, or as long as a memory source. Throws unreadable(...): not there, not a
  /// regular file, too short, too large.
  std::span<const uint8_t> read(const Source& source);

 private:
  std::span<const uint8_t> read_file(const FileSource& source);

  std::vector<uint8_t> buffer_;
};

}  // namespace googlenet::images

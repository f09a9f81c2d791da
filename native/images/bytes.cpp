#include "images/bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "images/reader.h"

namespace googlenet::images {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;
/// A buffer larger than this is given back after the picture that needed it.
constexpr size_t kKeptBytes = size_t{16} << 20;

class OpenFile {
 public:
  /// Not blocking: a FIFO without a writer would hold the thread in open() for ever.
  explicit OpenFile(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    if (descriptor_ < 0) fail("cannot be opened");
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int64_t size() const {
    struct stat status;
    if (::fstat(descriptor_, &status) != 0) fail("cannot be examined");
    if (S_ISDIR(status.st_mode)) throw unreadable("is a directory");
    if (!S_ISREG(status.st_mode)) throw unreadable("is not a regular file");
    return status.st_size;
  }

  void read(int64_t offset, std::span<uint8_t> into) const {
    while (!into.empty()) {
      const ssize_t count = ::pread(descriptor_, into.data(), into.size(), offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot be read");
      if (count == 0) throw unreadable("became shorter while it was read");
      offset += count;
      into = into.subspan(static_cast<size_t>(count));
    }
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw unreadable(std::string(what) + ": " + std::generic_category().message(errno));
  }

  int descriptor_;
};

}  // namespace

std::span<const uint8_t> ByteReader::read(const Source& source) {
  if (const auto* memory = std::get_if<MemorySource>(&source)) return *memory;
  return read_file(std::get<FileSource>(source));
}

std::span<const uint8_t> ByteReader::read_file(const FileSource& source) {
  if (source.path.find('\0') != std::string::npos) throw unreadable("has a NUL character in its path");
  const OpenFile file(source.path);
  const int64_t size = file.size();
  const FileSource::Range range = source.range.value_or(FileSource::Range{0, size});
  if (range.offset > size || range.length > size - range.offset) {
    throw unreadable("lies outside its file: bytes " + std::to_string(range.offset) + " to " +
                     std::to_string(range.offset + range.length) + " of " + std::to_string(size));
  }
  if (range.length > kMaxFileBytes) {
    throw unreadable("takes " + std::to_string(range.length >> 20) + " MiB; at most " +
                     std::to_string(kMaxFileBytes >> 20) + " MiB are read");
  }
  const auto length = static_cast<size_t>(range.length);
  if (buffer_.size() < length) {
    buffer_ = std::vector<uint8_t>(length);
  } else if (buffer_.size() > kKeptBytes && length <= kKeptBytes) {
    buffer_ = std::vector<uint8_t>(kKeptBytes);
  }
  const std::span<uint8_t> bytes(buffer_.data(), length);
  file.read(range.offset, bytes);
  return bytes;
}

}  // namespace googlenet::images

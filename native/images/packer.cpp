#include "images/packer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <thread>

#include "images/encoder.h"
#include "images/formats.h"

namespace googlenet::images {
namespace {

constexpr int kChannels = 3;
/// Pixels of a picture larger than this are not kept for the next.
constexpr size_t kKeptBytes = size_t{16} << 20;

/// What one thread needs.
class PicturePacker {
 public:
  explicit PicturePacker(const PackOptions& options) : options_(options) {}

  void pack(const Source& source, PackedPicture& packed) {
    try {
      pack_readable(source, packed);
    } catch (const std::bad_alloc&) {
      packed.failure = "needs more memory than there is";
    } catch (const std::exception& error) {
      packed.failure = error.what();
    }
  }

 private:
  void pack_readable(const Source& source, PackedPicture& packed) {
    const std::span<const uint8_t> bytes = bytes_.read(source);
    Reader& reader = formats_.reader_of(bytes);
    const Extent original = packed.original = reader.open(bytes);
    const Extent extent = packed_extent(original, options_.short_side);
    const size_t needed = static_cast<size_t>(extent.width) * extent.height * kChannels;
    check_held_bytes(extent, static_cast<int64_t>(needed), "a picture");
    if (pixels_.size() < needed) pixels_.resize(needed);
    const bool stays = extent.width == original.width && reader.is_plain_jpeg();
    const Box whole{0, 0, static_cast<double>(original.width), static_cast<double>(original.height)};
    resizer_.set({.box = whole,
                  .flip = false,
                  .interpolation = Interpolation::Bilinear,
                  .width = extent.width,
                  .height = extent.height,
                  .channels = kChannels,
                  .out = pixels_.data()});
    reader.read(resizer_);
    if (stays) {
      packed.jpeg.assign(bytes.begin(), bytes.end());
    } else {
      encode_jpeg(pixels_.data(), extent, options_.quality, packed.jpeg);
    }
    if (pixels_.size() > kKeptBytes) pixels_ = {};
  }

  PackOptions options_;
  ByteReader bytes_;
  Formats formats_{Quality::Accurate};
  Resizer resizer_;
  std::vector<uint8_t> pixels_;
};

}  // namespace

Extent packed_extent(Extent original, int short_side) {
  const int shorter = std::min(original.width, original.height);
  if (short_side == 0 || shorter <= short_side) return original;
  const auto resized = [&](int side) { return static_cast<int>(resized_side(side, original, short_side)); };
  return {resized(original.width), resized(original.height)};
}

std::vector<PackedPicture> pack(const std::vector<Source>& sources, const PackOptions& options, int threads) {
  std::vector<PackedPicture> packed(sources.size());
  // Made here: what a thread throws on its own ends the process.
  std::vector<PicturePacker> packers;
  const size_t workers = std::clamp<size_t>(sources.size(), 1, static_cast<size_t>(threads));
  for (size_t i = 0; i < workers; i++) packers.emplace_back(options);
  std::atomic<size_t> next = 0;
  const auto work = [&](PicturePacker& packer) {
    for (size_t i = next++; i < sources.size(); i = next++) packer.pack(sources[i], packed[i]);
  };
  {
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < workers; i++) helpers.emplace_back(work, std::ref(packers[i]));
    work(packers[0]);
  }
  return packed;
}

}  // namespace googlenet::images

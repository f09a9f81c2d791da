// A thread's decoder of JPEGs: by the card's own hardware where it has some (A100 and later), else by
// nvJPEG's kernels, and then PictureResizer. Whole pictures: the entropy code must be read from the beginning
// anyway, and before 13.3 nvJPEG did not interpolate chroma well at the edges of a region. What comes back is
// what the network takes, 150 kB of a crop of 224 x 224: at 20000 a second 3 GB/s of the 25 or 50 that PCIe 4
// or 5 carries, so that the loader needs no knowledge of networks.
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "backends/cuda/cards.h"
#include "backends/cuda/module.h"
#include "backends/cuda/pictures/nvjpeg.h"
#include "backends/cuda/pictures/resize.h"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

/// Larger pictures would take hundreds of megabytes of each thread; the CPU reads them row by row.
constexpr int64_t kMostPixels = int64_t{1} << 25;

constexpr auto kGood = nvjpeg::Status::Success;

std::string name_of(int device) {
  return "cuda:" + std::to_string(device);
}

/// nvJPEG's handles on a card, which any number of threads use at once.
struct Handles {
  int device;
  nvjpeg::Handle kernels;
  nvjpeg::Handle hardware;  // null: the card has none

  Handles(int device, unsigned flags) : device(device) {
    const nvjpeg::Functions& nvjpeg = nvjpeg::functions();
    const auto create = [&](nvjpeg::Backend backend, nvjpeg::Handle& handle) {
      nvjpegHandle* made = nullptr;
      const nvjpeg::Status status = nvjpeg.CreateEx(backend, nullptr, nullptr, flags, &made);
      if (status == kGood) handle.reset(made);
      return status;
    };
    nvjpeg::check(create(nvjpeg::Backend::Default, kernels), "nvjpegCreateEx");
    unsigned engines = 0, cores = 0;
    if (create(nvjpeg::Backend::Hardware, hardware) != kGood ||
        nvjpeg.GetHardwareDecoderInfo(hardware.get(), &engines, &cores) != kGood || engines == 0) {
      hardware.reset();
    }
  }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() { cudaSetDevice(device); }
};

/// One for all threads that decode in the same way, gone with the last of them.
std::shared_ptr<Handles> handles_of(const PictureOptions& options) {
  static std::mutex mutex;
  static std::map<std::pair<int, bool>, std::weak_ptr<Handles>> known;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Handles>& place = known[{options.device, options.accurate}];
  std::shared_ptr<Handles> handles = place.lock();
  if (!handles) {
    unsigned flags = nvjpeg::kStrict;
    if (options.accurate) flags |= nvjpeg::kInterpolation;
    handles = std::make_shared<Handles>(options.device, flags);
    place = handles;
  }
  return handles;
}

/// What one thread needs of a handle.
struct Lane {
  nvjpegHandle* handle;
  nvjpeg::State state;
  nvjpeg::JpegStream stream;  // the headers that were read last

  explicit Lane(nvjpegHandle* handle) : handle(handle) {
    const nvjpeg::Functions& nvjpeg = nvjpeg::functions();
    nvjpegJpegState* made_state = nullptr;
    nvjpeg::check(nvjpeg.JpegStateCreate(handle, &made_state), "nvjpegJpegStateCreate");
    state.reset(made_state);
    nvjpegJpegStream* made_stream = nullptr;
    nvjpeg::check(nvjpeg.JpegStreamCreate(handle, &made_stream), "nvjpegJpegStreamCreate");
    stream.reset(made_stream);
  }
};

class PictureDecoder final : public images::DeviceDecoder {
 public:
  explicit PictureDecoder(const PictureOptions& options)
      : format_(options.channels == 1 ? nvjpeg::Format::Luma : nvjpeg::Format::Rgb),
        channels_(options.channels),
        handles_(handles_of(options)),
        stream_(make_stream()),
        kernels_(handles_->kernels.get()),
        resizer_(stream_.get()) {
    if (!handles_->hardware) return;
    try {
      hardware_.emplace(handles_->hardware.get());
    } catch (const Error&) {
      return;
    }
    begin_hardware();
  }

  bool decode(std::span<const uint8_t> jpeg, images::Extent extent,
              std::span<const images::Target> targets) override {
    if (int64_t{extent.width} * extent.height > kMostPixels) return false;
    try {
      const size_t pitch = static_cast<size_t>(extent.width) * channels_;
      picture_.reserve(std::bit_ceil(pitch * extent.height), "a decoded picture");
      nvjpeg::Image image{{picture_.get()}, {pitch}};
      if (!by_hardware(jpeg, extent, image) && !by_kernels(jpeg, extent, image)) {
        // What is under way no longer reads the bytes then, and a card that failed says so.
        GOOGLENET_CUDA(cudaStreamSynchronize(stream_.get()));
        return false;
      }
      resizer_.run({picture_.get(), static_cast<int64_t>(pitch), extent}, targets);
      return true;
    } catch (const Error& error) {
      if (error.code() != "ERR_GOOGLENET_MEMORY") throw;
      GOOGLENET_CUDA(cudaStreamSynchronize(stream_.get()));
      return false;
    }
  }

 private:
  /// Where it does not begin, as when others have it, the kernels go on alone.
  void begin_hardware() {
    const nvjpeg::Status status =
        nvjpeg_.DecodeBatchedInitialize(hardware_->handle, hardware_->state.get(), 1, 1, format_);
    if (status != kGood) hardware_.reset();
  }

  /// Reads all headers: the hardware is not to be given what is damaged. No memory is written beside the
  /// picture, so its size must be what libjpeg made of the same bytes.
  bool parse(const Lane& lane, std::span<const uint8_t> jpeg, images::Extent extent) const {
    unsigned width = 0, height = 0;
    return nvjpeg_.JpegStreamParse(lane.handle, jpeg.data(), jpeg.size(), 0, 0, lane.stream.get()) == kGood &&
           nvjpeg_.JpegStreamGetFrameDimensions(lane.stream.get(), &width, &height) == kGood &&
           width == static_cast<unsigned>(extent.width) && height == static_cast<unsigned>(extent.height);
  }

  /// Batches are the one way to the hardware; several threads keep its cores busy. It does not wait for what
  /// was enqueued on the stream before (github.com/pytorch/vision/pull/9606, on an H100 with nvJPEG of CUDA
  /// 12.9): every picture is therefore finished, by PictureResizer, before the next one is begun.
  bool by_hardware(std::span<const uint8_t> jpeg, images::Extent extent, nvjpeg::Image& image) {
    if (!hardware_ || !parse(*hardware_, jpeg, extent)) return false;
    int unsupported = 1;
    if (nvjpeg_.DecodeBatchedSupported(hardware_->handle, hardware_->stream.get(), &unsupported) != kGood ||
        unsupported != 0) {
      return false;
    }
    const unsigned char* const data = jpeg.data();
    const size_t length = jpeg.size();
    if (nvjpeg_.DecodeBatched(hardware_->handle, hardware_->state.get(), &data, &length, &image,
                              stream_.get()) == kGood) {
      return true;
    }
    GOOGLENET_CUDA(cudaStreamSynchronize(stream_.get()));
    begin_hardware();  // as is asked for after a failure
    return false;
  }

  bool by_kernels(std::span<const uint8_t> jpeg, images::Extent extent, nvjpeg::Image& image) {
    return parse(kernels_, jpeg, extent) &&
           nvjpeg_.Decode(kernels_.handle, kernels_.state.get(), jpeg.data(), jpeg.size(), format_, &image,
                          stream_.get()) == kGood;
  }

  const nvjpeg::Functions& nvjpeg_ = nvjpeg::functions();
  nvjpeg::Format format_;
  int channels_;
  std::shared_ptr<Handles> handles_;
  Stream stream_;
  Lane kernels_;
  std::optional<Lane> hardware_;
  DeviceRoom<uint8_t> picture_;
  PictureResizer resizer_;
};

}  // namespace
}  // namespace googlenet::backends::cuda

namespace cuda = googlenet::backends::cuda;

googlenet::images::DeviceDecoder* googlenet_cuda_picture_decoder(const cuda::PictureOptions& options) {
  try {
    cuda::Options card;
    card.device = options.device;
    card.precision = googlenet::backends::Precision::Fp32;
    cuda::check_card(card);
    cuda::nvjpeg::functions();
    GOOGLENET_CUDA(cudaSetDevice(options.device));
    return new cuda::PictureDecoder(options);
  } catch (const googlenet::Error& error) {
    throw googlenet::Error(
        error.code(), "pictures cannot be decoded on " + cuda::name_of(options.device) + ": " + error.what());
  }
}

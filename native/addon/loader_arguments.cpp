#include "addon/loader_arguments.h"

#include "addon/devices.h"
#include "addon/network_arguments.h"
#include "cores.h"

namespace googlenet::addon {
namespace {

constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxSide = 65535;
constexpr int64_t kMaxSize = 16384;
constexpr uint32_t kMaxPictures = 1 << 20;

std::array<double, 2> read_range(const Field& range, double least, double most) {
  if (range.length(2) != 2) range.refuse("ERR_GOOGLENET_OPTION", "must be two numbers");
  const double low = range.at(0).number(least, most);
  return {low, range.at(1).number(low, most)};
}

images::JitterRanges read_jitter(const Field& jitter) {
  constexpr double kMost = 100;
  const auto range = [&](const char* name) { return static_cast<float>(jitter[name].number(0, kMost)); };
  const Field hue = jitter["hue"];
  return {.brightness = range("brightness"),
          .contrast = range("contrast"),
          .saturation = range("saturation"),
          .hue = hue.absent() ? 0 : static_cast<float>(hue.number(0, 0.5))};
}

std::optional<images::Interpolation> read_interpolation(const Field& interpolation) {
  using images::Interpolation;
  using Chosen = std::optional<Interpolation>;
  if (interpolation.absent()) return Interpolation::Bilinear;
  return interpolation.choice<Chosen>({{"bilinear", Interpolation::Bilinear},
                                       {"area", Interpolation::Area},
                                       {"nearest", Interpolation::Nearest},
                                       {"cubic", Interpolation::Cubic},
                                       {"random", std::nullopt}});
}

images::CropsTransform read_crops(const Field& transform, int size) {
  constexpr uint32_t kMostScales = 16;
  const Field scales = transform["scales"];
  images::CropsTransform read{.size = size, .scales = {}, .squares = transform["squares"].flag()};
  const uint32_t count = scales.length(kMostScales);
  if (count == 0) scales.refuse("ERR_GOOGLENET_OPTION", "must name a scale");
  for (uint32_t i = 0; i < count; i++) {
    read.scales.push_back(static_cast<int>(scales.at(i).integer(size, kMaxSide)));
  }
  return read;
}

images::Source read_source(const Field& source) {
  if (source.is_text()) return images::FileSource{source.text(), std::nullopt};
  if (source.is(napi_uint8_array)) return source.bytes();
  const std::string path = source["path"].text();
  return images::FileSource{
      path, images::FileSource::Range{.offset = source["offset"].integer(0, kMaxSafeInteger),
                                      .length = source["length"].integer(0, kMaxSafeInteger)}};
}

}  // namespace

int read_threads(const Field& threads) {
  const int64_t count = threads.integer(0, kMaxThreads);
  return count == 0 ? usable_cores() : static_cast<int>(count);
}

LoaderOptions read_loader_options(const Field& options) {
  const Field channels = options["channels"];
  const int64_t count = channels.integer(1, 3);
  if (count == 2) channels.refuse("ERR_GOOGLENET_OPTION", "must be 1 or 3");
  LoaderOptions read{.threads = read_threads(options["threads"]), .decoder = {}};
  read.decoder.channels = static_cast<int>(count);
  const Field quality = options["quality"];
  if (!quality.absent()) {
    using images::Quality;
    read.decoder.quality =
        quality.choice<Quality>({{"accurate", Quality::Accurate}, {"fast", Quality::Fast}});
  }
  const Field orientation = options["orientation"];
  if (!orientation.absent()) {
    read.decoder.orient = orientation.choice<bool>({{"ignore", false}, {"apply", true}});
  }
  const Field decoder = options["decoder"];
  if (!decoder.absent()) {
    const Device device = read_device(decoder);
    if (device.kind == Device::Kind::Auto) {
      decoder.refuse("ERR_GOOGLENET_OPTION", "must be \"cpu\", \"cuda\" or \"cuda:<number>\"");
    }
    if (device.kind == Device::Kind::Cuda) {
      read.decoder.device = picture_decoder({.device = device.number,
                                             .channels = read.decoder.channels,
                                             .accurate = read.decoder.quality == images::Quality::Accurate});
    }
  }
  return read;
}

images::Transform read_transform(const Field& transform) {
  enum class Kind { Train, Eval, Crops };
  const Kind kind =
      transform["kind"].choice<Kind>({{"train", Kind::Train}, {"eval", Kind::Eval}, {"crops", Kind::Crops}});
  const int64_t size = transform["size"].integer(1, kMaxSize);
  if (kind == Kind::Crops) return read_crops(transform, static_cast<int>(size));
  if (kind == Kind::Eval) {
    return images::EvalTransform{.size = static_cast<int>(size),
                                 .resize = static_cast<int>(transform["resize"].integer(size, kMaxSide))};
  }
  constexpr double kLeastArea = 1e-6;
  constexpr double kMostAspect = 1e3;
  const Field lighting = transform["lighting"];
  return images::TrainTransform{
      .size = static_cast<int>(size),
      .seed = static_cast<uint64_t>(transform["seed"].integer(0, kMaxSafeInteger)),
      .epoch = static_cast<uint64_t>(transform["epoch"].integer(0, kMaxSafeInteger)),
      .area = read_range(transform["area"], kLeastArea, 1),
      .aspect = read_range(transform["aspect"], 1 / kMostAspect, kMostAspect),
      .flip = transform["flip"].number(0, 1),
      .jitter = read_jitter(transform["jitter"]),
      .lighting = lighting.absent() ? 0 : static_cast<float>(lighting.number(0, 100)),
      .interpolation = read_interpolation(transform["interpolation"]),
  };
}

std::vector<images::Request> read_pictures(const Field& pictures) {
  std::vector<images::Request> read(pictures.length(kMaxPictures));
  for (uint32_t i = 0; i < read.size(); i++) {
    const Field picture = pictures.at(i);
    read[i] = {read_source(picture["source"]),
               static_cast<uint64_t>(picture["index"].integer(0, kMaxSafeInteger))};
  }
  return read;
}

std::vector<images::Source> read_sources(const Field& sources) {
  std::vector<images::Source> read(sources.length(kMaxPictures));
  for (uint32_t i = 0; i < read.size(); i++) read[i] = read_source(sources.at(i));
  return read;
}

}  // namespace googlenet::addon

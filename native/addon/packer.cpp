// The class `Packer` of binding.d.ts: its executor's thread shares the pictures of a call with helpers.
#include "images/packer.h"

#include <algorithm>
#include <utility>

#include "addon/addon.h"
#include "addon/environment.h"
#include "addon/loader_arguments.h"
#include "addon/values.h"

namespace googlenet::addon {
namespace {

constexpr int64_t kMaxShortSide = 16384;

images::PackOptions read_pack_options(const Field& options) {
  return {.short_side = static_cast<int>(options["shortSide"].integer(0, kMaxShortSide)),
          .quality = static_cast<int>(options["quality"].integer(1, 100))};
}

Napi::Value to_js(Napi::Env env, const std::vector<images::PackedPicture>& pictures) {
  Napi::Array packed = Napi::Array::New(env, pictures.size());
  for (uint32_t i = 0; i < pictures.size(); i++) {
    const auto& [jpeg, original, failure] = pictures[i];
    Napi::Object picture = Napi::Object::New(env);
    if (failure.empty()) {
      picture.Set("jpeg", Napi::Buffer<uint8_t>::Copy(env, jpeg.data(), jpeg.size()));
      picture.Set("width", number(env, original.width));
      picture.Set("height", number(env, original.height));
    } else {
      picture.Set("failure", failure);
    }
    packed.Set(i, picture);
  }
  return packed;
}

class Packer : public Napi::ObjectWrap<Packer> {
 public:
  static void init(Napi::Env env, Napi::Object exports) {
    exports.Set("Packer", DefineClass(env, "Packer",
                                      {InstanceMethod<&Packer::pack>("pack"),
                                       InstanceMethod<&Packer::dispose>("dispose")}));
  }

  explicit Packer(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Packer>(info) {
    guarded(info.Env(), [&] {
      threads_ = read_threads(Field(info[0], "options")["threads"]);
      auto executor = std::make_shared<Executor>(Environment::of(info.Env()),
                                                 "the packer has been disposed of; create another");
      Environment::of(info.Env()).start(executor);
      executor_ = std::move(executor);
    });
  }

  /// Collected without dispose(): its thread ends by itself.
  ~Packer() override {
    if (executor_) executor_->close();
  }

 private:
  Napi::Value pack(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return promised(env, [&] {
      executor_->refuse_if_closed();
      std::vector<images::Source> sources = read_sources({info[0], "sources"});
      const images::PackOptions options = read_pack_options({info[1], "options"});
      const auto work = [sources = std::move(sources), options, threads = threads_] {
        return images::pack(sources, options, threads);
      };
      const auto convert = [](Napi::Env env, const std::vector<images::PackedPicture>& pictures) {
        return to_js(env, pictures);
      };
      return submit(env, *executor_, info.This().As<Napi::Object>(), work, convert);
    });
  }

  void dispose(const Napi::CallbackInfo&) {
    if (executor_) executor_->close();
  }

  int threads_ = 1;
  std::shared_ptr<Executor> executor_;
};

}  // namespace

void init_packer(Napi::Env env, Napi::Object exports) {
  Packer::init(env, exports);
}

}  // namespace googlenet::addon

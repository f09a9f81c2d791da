// The class `Loader` of binding.d.ts. Pictures are decoded by the pool's threads; the executor's thread waits
// for one batch after the other and hands each back to JavaScript.
#include <cstring>

#include "addon/addon.h"
#include "addon/environment.h"
#include "addon/loader_arguments.h"

namespace googlenet::addon {
namespace {

/// The most bytes that a Uint8Array of Node 20 can have.
constexpr size_t kMaxBatchBytes = (size_t{1} << 32) - 1;

class LoaderExecutor final : public Executor {
 public:
  LoaderExecutor(Environment& environment, const LoaderOptions& options)
      : Executor(environment, "the loader has been disposed of; create another"),
        pool_(options.threads, options.decoder) {}

  images::Pool& pool() { return pool_; }

  void close() override {
    pool_.stop();
    Executor::close();
  }

 protected:
  void at_end() override { pool_.join(); }

 private:
  images::Pool pool_;
};

/// An ArrayBuffer around the batch's memory, which returns to its pool when the garbage collector has freed
/// the one and no network holds the other.
Napi::ArrayBuffer adopt(Napi::Env env, images::BufferPool::Buffer pixels, size_t bytes) {
  using Shared = std::shared_ptr<uint8_t[]>;
  uint8_t* const memory = pixels.get();
  auto keeper = std::make_unique<Shared>(std::move(pixels));
  const napi_finalize drop = [](napi_env, void*, void* hint) { delete static_cast<Shared*>(hint); };
  napi_value array;
  if (napi_create_external_arraybuffer(env, memory, bytes, drop, keeper.get(), &array) == napi_ok) {
    Environment::of(env).lent.lend(*keeper, bytes);
    (void)keeper.release();
    return {env, array};
  }
  // Runtimes that cage their pointers (Electron) allow no foreign memory.
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  std::memcpy(copy.Data(), memory, bytes);
  return copy;
}

Napi::Value to_js(Napi::Env env, images::DecodedBatch& batch) {
  const size_t bytes = batch.positions.size() * batch.picture_bytes;
  const Napi::ArrayBuffer memory =
      bytes == 0 ? Napi::ArrayBuffer::New(env, 0) : adopt(env, std::move(batch.pixels), bytes);
  Napi::Int32Array positions = Napi::Int32Array::New(env, batch.positions.size());
  std::copy(batch.positions.begin(), batch.positions.end(), positions.Data());
  Napi::Array failures = Napi::Array::New(env, batch.failures.size());
  for (uint32_t i = 0; i < batch.failures.size(); i++) {
    Napi::Object failure = Napi::Object::New(env);
    failure.Set("position", batch.failures[i].position);
    failure.Set("reason", batch.failures[i].reason);
    failures.Set(i, failure);
  }
  Napi::Object decoded = Napi::Object::New(env);
  decoded.Set("data", Napi::Uint8Array::New(env, bytes, memory, 0));
  decoded.Set("positions", positions);
  decoded.Set("failures", failures);
  decoded.Set("onGpu", static_cast<double>(batch.on_device));
  return decoded;
}

class Loader : public Napi::ObjectWrap<Loader> {
 public:
  static void init(Napi::Env env, Napi::Object exports) {
    exports.Set("Loader", DefineClass(env, "Loader",
                                      {InstanceMethod<&Loader::decode>("decode"),
                                       InstanceMethod<&Loader::dispose>("dispose")}));
  }

  explicit Loader(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Loader>(info) {
    guarded(info.Env(), [&] {
      options_ = read_loader_options({info[0], "options"});
      auto executor = std::make_shared<LoaderExecutor>(Environment::of(info.Env()), options_);
      Environment::of(info.Env()).start(executor);
      executor_ = std::move(executor);
    });
  }

  /// Collected without dispose(): its threads end by themselves.
  ~Loader() override {
    if (executor_) executor_->close();
  }

 private:
  Napi::Value decode(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return promised(env, [&] {
      executor_->refuse_if_closed();
      std::vector<images::Request> pictures = read_pictures({info[0], "pictures"});
      const images::Transform transform = read_transform({info[1], "transform"});
      refuse_if_too_large(pictures.size() * images::output_count(transform), images::output_size(transform));
      auto batch = executor_->pool().submit(std::move(pictures), transform);
      const auto work = [executor = executor_, batch] { return executor->pool().wait(*batch); };
      const auto convert = [](Napi::Env env, images::DecodedBatch& batch) { return to_js(env, batch); };
      return submit(env, *executor_, info.This().As<Napi::Object>(), work, convert);
    });
  }

  void refuse_if_too_large(size_t count, int size) const {
    const size_t bytes = count * size * size * options_.decoder.channels;
    if (bytes <= kMaxBatchBytes) return;
    throw Error("ERR_GOOGLENET_OPTION", std::to_string(count) + " pictures of " + std::to_string(size) +
                                            " x " + std::to_string(size) + " take " + std::to_string(bytes) +
                                            " bytes; a batch has at most " + std::to_string(kMaxBatchBytes));
  }

  void dispose(const Napi::CallbackInfo&) {
    if (executor_) executor_->close();
  }

  LoaderOptions options_{};
  std::shared_ptr<LoaderExecutor> executor_;
};

}  // namespace

void init_loader(Napi::Env env, Napi::Object exports) {
  Loader::init(env, exports);
}

}  // namespace googlenet::addon

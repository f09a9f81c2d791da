// The class `Network` of binding.d.ts: arguments in, promises out. What computes is on the executor's thread.
#include "addon/addon.h"
#include "addon/environment.h"
#include "addon/network_arguments.h"
#include "addon/network_executor.h"
#include "addon/network_results.h"
#include "addon/plan.h"
#include "addon/profile.h"

namespace googlenet::addon {
namespace {

/// setCounters(): takes its turn in the queue, but has no promise.
class SetCounters final : public Task {
 public:
  SetCounters(NetworkExecutor& executor, graph::Network::Counters counters)
      : executor_(executor), counters_(counters) {}
  void run() override { executor_.network().set_counters(counters_); }
  void refuse(const Failure&) override {}
  void settle(Napi::Env) override {}

 private:
  NetworkExecutor& executor_;
  graph::Network::Counters counters_;
};

// The next of these calls may be begun while a GPU makes one.

struct Forward {
  std::shared_ptr<NetworkExecutor> executor;
  OwnedBatch batch;
  ForwardOptions options;

  void begin() {
    executor->bring(batch);
    executor->network().begin_forward(batch.view(), options.mode, options.averaged, options.main_head_only);
  }
  std::vector<std::vector<float>> operator()() { return executor->network().end_forward(); }
};

struct Step {
  std::shared_ptr<NetworkExecutor> executor;
  OwnedBatch batch;
  std::vector<int32_t> labels;
  graph::StepOptions options;

  void begin() {
    executor->bring(batch);
    executor->network().begin_step(batch.view(), labels.data(), options);
  }
  graph::StepResult operator()() { return executor->network().end_step(); }
};

class Network : public Napi::ObjectWrap<Network> {
 public:
  static void init(Napi::Env env, Napi::Object exports) {
    const Napi::Function constructor = DefineClass(
        env, "Network",
        {StaticMethod<&Network::create>("create"), InstanceMethod<&Network::add_input>("addInput"),
         InstanceMethod<&Network::forward>("forward"), InstanceMethod<&Network::train_step>("trainStep"),
         InstanceMethod<&Network::get_tensors>("getTensors"),
         InstanceMethod<&Network::set_tensors>("setTensors"),
         InstanceMethod<&Network::get_counters>("getCounters"),
         InstanceMethod<&Network::set_counters>("setCounters"),
         InstanceMethod<&Network::get_loss_scale>("getLossScale"),
         InstanceMethod<&Network::set_loss_scale>("setLossScale"), InstanceMethod<&Network::memory>("memory"),
         InstanceMethod<&Network::plan>("plan"), InstanceMethod<&Network::profile>("profile"),
         InstanceMethod<&Network::dispose>("dispose"), InstanceAccessor<&Network::device>("device"),
         InstanceAccessor<&Network::passed_over>("passedOver"),
         InstanceAccessor<&Network::notice>("notice")});
    Environment::of(env).network_constructor = Napi::Persistent(constructor);
    exports.Set("Network", constructor);
  }

  /// Without an executor until create() gives it one; `new Network()` makes nothing that works.
  explicit Network(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Network>(info) {}

  /// Collected without dispose(): the thread frees the network and ends by itself.
  ~Network() override {
    if (executor_) executor_->close();
  }

 private:
  static Napi::Value create(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return promised(env, [&] {
      const graph::Definition definition = read_definition({info[0], "definition"});
      const NetworkOptions options = read_network_options({info[1], "options"});
      Environment& environment = Environment::of(env);
      auto executor = std::make_shared<NetworkExecutor>(environment);
      environment.start(executor);
      const auto work = [executor, options, definition] {
        ChosenBackend chosen = choose_backend(options.device, options.cuda, options.threads);
        executor->adopt(std::make_unique<graph::Network>(definition, std::move(chosen.backend), options.seed),
                        chosen.device, chosen.passed_over);
        return Nothing{};
      };
      const auto convert = [executor, &environment](Napi::Env, Nothing) -> Napi::Value {
        const Napi::Object object = environment.network_constructor.New({});
        Unwrap(object)->executor_ = executor;
        return object;
      };
      return submit(env, *executor, environment.network_constructor.Value(), work, convert);
    });
  }

  Napi::Value add_input(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return promised(env, [&] {
      const graph::Definition definition = read_definition({info[0], "definition"});
      const auto work = [executor = executor_, definition] {
        executor->network().add_input(definition);
        return Nothing{};
      };
      const auto convert = [executor = executor_, input = definition.input](Napi::Env env, Nothing) {
        executor->take(input);
        return env.Undefined();
      };
      return submit(env, executor(), info.This().As<Napi::Object>(), work, convert);
    });
  }

  Napi::Value forward(const Napi::CallbackInfo& info) {
    return promised(info.Env(), [&] {
      const ForwardOptions options = read_forward_options({info[1], "options"});
      return queue(info, Forward{executor_, read_images(info[0]), options});
    });
  }

  Napi::Value train_step(const Napi::CallbackInfo& info) {
    return promised(info.Env(), [&] {
      const graph::StepOptions options = read_step_options({info[2], "options"});
      OwnedBatch batch = read_images(info[0]);
      std::vector<int32_t> labels = read_labels({info[1], "labels"}, batch.count, executor().face().classes);
      return queue(info, Step{executor_, std::move(batch), std::move(labels), options});
    });
  }

  OwnedBatch read_images(const Napi::Value& batch) const {
    const NetworkExecutor::Face& face = executor().face();
    const LentMemory& lent = Environment::of(batch.Env()).lent;
    return read_batch({batch, "batch"}, face.inputs, {lent, executor().buffers(), face.page_locked});
  }

  Napi::Value get_tensors(const Napi::CallbackInfo& info) {
    return call(info, [&] {
      const graph::TensorSet set = read_tensor_set({info[0], "set"});
      auto receiver = std::make_shared<TensorReceiver>(info.Env(), set, executor().face().table);
      return [receiver](graph::Network& network) {
        receiver->fill(network);
        return receiver;
      };
    });
  }

  Napi::Value set_tensors(const Napi::CallbackInfo& info) {
    return call(info, [&] {
      const graph::TensorSet set = read_tensor_set({info[0], "set"});
      return [set, replacements = read_replacements({info[1], "tensors"}, set, executor().face().table)](
                 graph::Network& network) {
        for (const Replacement& replacement : replacements) {
          network.set(set, *replacement.parameter, replacement.values.data());
        }
        return Nothing{};
      };
    });
  }

  Napi::Value plan(const Napi::CallbackInfo& info) {
    return call(info, [&] {
      const int64_t batch = Field(info[0], "batch").integer(1, kMaxBatch);
      const graph::Mode mode = read_mode({info[1], "mode"});
      return [batch, mode](graph::Network& network) {
        return Planned{network.plan(batch, mode), network.table().parameters};
      };
    });
  }

  Napi::Value profile(const Napi::CallbackInfo& info) {
    return call(info, [&] {
      const Field options(info[0], "options");
      const int64_t batch = options["batch"].integer(1, kMaxBatch);
      const graph::Mode mode = read_mode(options["mode"]);
      const int repeat = static_cast<int>(options["repeat"].integer(1, kMaxBatch));
      return [batch, mode, repeat](graph::Network& network) {
        return Profiled{network.profile(batch, mode, repeat), network.table().parameters};
      };
    });
  }

  Napi::Value get_counters(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return to_js(info.Env(), executor().counters()); });
  }

  void set_counters(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      const graph::Network::Counters counters = read_counters({info[0], "counters"});
      const bool idle = executor().idle();
      executor().submit(std::make_unique<SetCounters>(executor(), counters));
      if (idle) executor().foresee(counters);
    });
  }

  Napi::Value get_loss_scale(const Napi::CallbackInfo& info) {
    return call(info, [] { return [](graph::Network& network) { return network.loss_scale(); }; });
  }

  Napi::Value set_loss_scale(const Napi::CallbackInfo& info) {
    return call(info, [&] {
      return [scale = read_loss_scale({info[0], "scale"})](graph::Network& network) {
        network.set_loss_scale(scale);
        return Nothing{};
      };
    });
  }

  Napi::Value memory(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return to_js(info.Env(), executor().memory()); });
  }

  Napi::Value device(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return Napi::String::New(info.Env(), executor().face().device); });
  }

  Napi::Value passed_over(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return Napi::String::New(info.Env(), executor().face().passed_over); });
  }

  Napi::Value notice(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return Napi::String::New(info.Env(), executor().notice()); });
  }

  void dispose(const Napi::CallbackInfo&) {
    if (executor_) executor_->close();
  }

  /// Queues the work that `read` makes of the arguments; its result reaches JavaScript through to_js().
  template <class Read>
  Napi::Value call(const Napi::CallbackInfo& info, Read read) {
    return promised(info.Env(), [&] {
      return queue(info, [executor = executor_, work = read()] { return work(executor->network()); });
    });
  }

  template <class Work>
  Napi::Value queue(const Napi::CallbackInfo& info, Work work) {
    const auto convert = [](Napi::Env env, const auto& result) { return to_js(env, result); };
    return submit(info.Env(), executor(), info.This().As<Napi::Object>(), std::move(work), convert);
  }

  /// Throws ERR_GOOGLENET_DISPOSED after dispose().
  NetworkExecutor& executor() const {
    if (!executor_) throw Error("ERR_GOOGLENET_OPTION", "this Network was not made by Network.create()");
    executor_->refuse_if_closed();
    return *executor_;
  }

  std::shared_ptr<NetworkExecutor> executor_;
};

}  // namespace

void init_network(Napi::Env env, Napi::Object exports) {
  Network::init(env, exports);
}

}  // namespace googlenet::addon

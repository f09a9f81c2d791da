#include "backends/cuda/cudnn/plan_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace googlenet::backends::cuda::cudnn {
namespace {

constexpr const char* kHeader = "googlenet: cuDNN's engines as they were timed, format 1";

bool write_all(int file, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(file, text.data() + done, text.size() - done);
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return fsync(file) == 0;
}

/// Beside it, fsync, rename.
void replace_file(const std::string& path, const std::string& text) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  std::string beside = path + ".XXXXXX";
  const int file = mkostemp(beside.data(), O_CLOEXEC);
  if (file < 0) return;
  const bool whole = write_all(file, text);
  close(file);
  if (!whole || std::rename(beside.c_str(), path.c_str()) != 0) unlink(beside.c_str());
}

}  // namespace

// ---- engines by timing

PlanCache::PlanCache(std::string path) : path_(std::move(path)) {
  read();
}

/// Lines are `graph <tab> microseconds <tab> choice`. What was timed here goes before what the file has.
void PlanCache::read() {
  if (path_.empty()) return;
  std::ifstream file(path_);
  std::string line;
  if (!std::getline(file, line) || line != kHeader) return;
  while (std::getline(file, line)) {
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (second == std::string::npos || file.eof()) continue;  // a line that was cut off has no end
    const std::optional<Choice> choice = Choice::parse(line.substr(second + 1));
    const float microseconds = std::strtof(line.c_str() + first + 1, nullptr);
    if (choice && microseconds > 0) kept_.try_emplace(line.substr(0, first), Timed{*choice, microseconds});
  }
}

std::optional<Timed> PlanCache::find(const std::string& key) const {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return {};
  return found->second;
}

void PlanCache::put(const std::string& key, const Timed& timed) {
  kept_[key] = timed;
  read();
  write();
}

void PlanCache::write() const {
  if (path_.empty()) return;
  std::string text = std::string(kHeader) + "\n";
  for (const auto& [key, timed] : kept_) {
    text += key + "\t" + std::to_string(timed.microseconds) + "\t" + timed.choice.text() + "\n";
  }
  replace_file(path_, text);
}

// ---- compiled plans

/// Named by a hash of the key (FNV-1a), which is the file's first line.
std::string CompiledPlans::file(const std::string& key) const {
  uint64_t hash = 14695981039346656037U;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::string name(16, '0');
  for (int i = 15; i >= 0; i--, hash /= 16) name[i] = "0123456789abcdef"[hash % 16];
  return folder_ + "/" + name;
}

std::optional<std::string> CompiledPlans::find(const std::string& key) const {
  if (folder_.empty()) return {};
  std::ifstream file(this->file(key), std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || line != key) return {};
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void CompiledPlans::put(const std::string& key, const std::string& plan) const {
  if (!folder_.empty()) replace_file(file(key), key + "\n" + plan);
}

}  // namespace googlenet::backends::cuda::cudnn

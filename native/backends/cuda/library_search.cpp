#include "backends/cuda/library_search.h"

#include <dlfcn.h>
#include <glob.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "error.h"

namespace googlenet::backends::cuda {
namespace {

namespace fs = std::filesystem;

/// What a message calls a place, and its folders. No folder: the system linker.
struct Place {
  std::string name;
  std::vector<std::string> folders;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::string module_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&module_folder), &info) == 0 || info.dli_fname == nullptr) return "";
  std::error_code ignored;
  return fs::absolute(info.dli_fname, ignored).lexically_normal().parent_path().string();
}

/// Where the packages of a folder of Python's keep such libraries: NVIDIA's own, and torchvision, which
/// brings nvJPEG.
std::vector<std::string> package_folders(const std::string& packages) {
  std::vector<std::string> folders = matches(packages + "/nvidia/*/lib");
  append(folders, matches(packages + "/torchvision.libs"));
  return folders;
}

/// The list's folders, and what `pip install --target` put into them.
std::vector<std::string> named_folders() {
  std::vector<std::string> folders;
  std::istringstream list(variable("GOOGLENET_CUDA_PATH"));
  for (std::string entry; std::getline(list, entry, ':');) {
    if (entry.empty()) continue;
    folders.push_back(entry);
    append(folders, package_folders(entry));
  }
  return folders;
}

std::vector<std::string> python_folders() {
  std::vector<std::string> patterns;
  for (const char* prefix : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string root = variable(prefix);
    if (!root.empty()) patterns.push_back(root + "/lib/python3*/site-packages");
  }
  const std::string home = variable("HOME");
  if (!home.empty()) patterns.push_back(home + "/.local/lib/python3*/site-packages");
  append(patterns, {"/usr/lib/python3*/dist-packages", "/usr/local/lib/python3*/dist-packages",
                    "/usr/local/lib/python3*/site-packages"});
  std::vector<std::string> folders;
  for (const std::string& pattern : patterns) append(folders, package_folders(pattern));
  return folders;
}

std::vector<Place> places() {
  std::vector<Place> places = {{"beside the module", {module_folder()}},
                               {"$GOOGLENET_CUDA_PATH", named_folders()},
                               {"the system linker", {}}};
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"}) {
    const std::string root = variable(name);
    if (!root.empty()) places.push_back({std::string("$") + name, {root + "/lib64", root + "/lib"}});
  }
  const std::string conda = variable("CONDA_PREFIX");
  if (!conda.empty()) places.push_back({"$CONDA_PREFIX", {conda + "/lib"}});
  places.push_back({"Python's nvidia packages", python_folders()});
  return places;
}

/// dlerror() names the file again and again; what follows it is the reason.
std::string reason() {
  const char* text = dlerror();
  return text == nullptr ? "cannot be opened" : text;
}

/// The library in a folder; wheels with libraries of others call it libnvjpeg.<hash>.so.13.
std::vector<std::string> files_of(const std::string& folder, const std::string& name) {
  const size_t suffix = name.find(".so");
  std::vector<std::string> files =
      matches(folder + "/" + name.substr(0, suffix) + ".????????" + name.substr(suffix));
  const std::string path = fs::path(folder) / name;
  std::error_code ignored;
  if (fs::exists(path, ignored)) files.insert(files.begin(), path);
  return files;
}

/// Opens a path, or a name that the system linker knows. False: not here, and `looked_in` says so.
bool try_open(const std::string& path, const Accept& accept, Opened& opened) {
  Library& library = opened.library;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.looked_in.push_back(path.find('/') == std::string::npos ? "the system linker" : reason());
    return false;
  }
  std::string version;
  const std::string problem = accept ? accept(handle, version) : "";
  if (!problem.empty()) {
    library.looked_in.push_back(path + " (" + problem + ")");
    dlclose(handle);
    return false;
  }
  opened.handle = handle;
  library.version = version;
  library.path = path;
  return true;
}

}  // namespace

Opened open_library_of(const std::string& name, int first, int other, const Accept& accept) {
  Opened opened = open_library(name + ".so." + std::to_string(first), accept);
  if (opened.handle != nullptr) return opened;
  Opened second = open_library(name + ".so." + std::to_string(other), accept);
  return second.handle != nullptr ? second : opened;
}

void require_found(const Opened& opened, const std::string& brings) {
  if (opened.handle != nullptr) return;
  std::string text = opened.library.name + " was not found; looked in ";
  for (size_t i = 0; i < opened.library.looked_in.size(); i++) {
    text += (i ? ", " : "") + opened.library.looked_in[i];
  }
  throw Error("ERR_GOOGLENET_DEVICE", text + ". " + brings);
}

std::string folder_of(void* handle) {
  std::string folder(PATH_MAX, '\0');
  if (dlinfo(handle, RTLD_DI_ORIGIN, folder.data()) != 0) return ".";
  folder.resize(folder.find('\0'));
  return folder;
}

Opened open_library(const std::string& name, const Accept& accept) {
  Opened opened;
  opened.library.name = name;
  for (const Place& place : places()) {
    if (place.name == "the system linker") {
      if (!try_open(name, accept, opened)) continue;
      opened.library.path = folder_of(opened.handle) + "/" + name;
      return opened;
    }
    if (place.folders.empty()) opened.library.looked_in.push_back(place.name + " (none)");
    for (const std::string& folder : place.folders) {
      const std::vector<std::string> files = files_of(folder, name);
      if (files.empty()) opened.library.looked_in.push_back(folder);
      for (const std::string& path : files) {
        if (try_open(path, accept, opened)) return opened;
      }
    }
  }
  return opened;
}

}  // namespace googlenet::backends::cuda

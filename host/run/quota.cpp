#include "run/quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace proofload {
namespace fs = std::filesystem;
namespace {

/// The first number of a file; nothing for "max", "-1", or where there is no such file.
std::optional<double> number_in(const fs::path& file) {
  std::ifstream in(file);
  double x = 0.0;
  if (!(in >> x) || x < 0.0) return {};
  return x;
}

template <class T>
void lower(std::optional<T>& to, std::optional<T> by) {
  if (by && (!to || *by < *to)) to = by;
}

/// "200000 100000": microseconds of CPU time in so many microseconds.
std::optional<double> cores_v2(const fs::path& group) {
  std::ifstream in(group / "cpu.max");
  double quota = 0.0, period = 0.0;
  if (!(in >> quota >> period) || !(period > 0.0)) return {};
  return quota / period;
}

std::optional<double> cores_v1(const fs::path& group) {
  const auto quota = number_in(group / "cpu.cfs_quota_us"), period = number_in(group / "cpu.cfs_period_us");
  if (!quota || !period || !(*period > 0.0)) return {};
  return *quota / *period;
}

/// Bytes of files that are kept in memory until somebody needs it: they count as used, and stand in nobody's way.
double cached(const fs::path& group, const std::string& prefix) {
  double sum = 0.0, value = 0.0;
  std::ifstream in(group / "memory.stat");
  for (std::string name; in >> name >> value;) {
    if (name == prefix + "active_file" || name == prefix + "inactive_file") sum += value;
  }
  return sum;
}

std::optional<std::uint64_t> left(const fs::path& group, const char* limit, const char* used, const char* prefix) {
  const auto most = number_in(group / limit), taken = number_in(group / used);
  if (!most || *most > 9e18) return {};  // v1 writes "no limit" as the largest multiple of a page
  return static_cast<std::uint64_t>(std::max(0.0, *most - std::max(0.0, taken.value_or(0.0) - cached(group, prefix))));
}

/// Calls `look` with the group's folder and every one above it, up to `top`. Inside a container the path may be that of
/// the host, of which nothing is mounted: then only `top` is there.
template <class Look>
void upward(const fs::path& top, std::string path, const Look& look) {
  while (true) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    look(path.empty() ? top : top / path.substr(1));
    if (path.empty()) return;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

Quota quota_of_process(const fs::path& groups, const fs::path& membership) {
  Quota q;
  std::ifstream in(membership);
  for (std::string line; std::getline(in, line);) {  // "4:memory:/path" (v1), "0::/path" (v2)
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos || line.substr(second + 1, 1) != "/") continue;
    const std::string path = line.substr(second + 1), controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) {
      const fs::path top = fs::exists(groups / "cgroup.controllers") ? groups : groups / "unified";
      upward(top, path, [&](const fs::path& group) {
        lower(q.cores, cores_v2(group));
        lower(q.memory, left(group, "memory.max", "memory.current", ""));
      });
      continue;
    }
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) {
      upward(groups / name, path, [&](const fs::path& group) {
        if (name == "cpu") lower(q.cores, cores_v1(group));
        if (name == "memory") lower(q.memory, left(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"));
      });
    }
  }
  return q;
}

std::optional<std::uint64_t> memory_left() {
  std::optional<std::uint64_t> least = quota_of_process().memory;
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("MemAvailable:"))
      lower(least, std::optional<std::uint64_t>(1024 * std::stoull(line.substr(13))));
  }
  return least;
}

int threads_with_room(int threads, std::uint64_t each, std::optional<std::uint64_t> left) {
  if (!left || each == 0) return threads;
  return static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(threads), *left / each));
}

}  // namespace proofload

/// quota.h -- what a container lets a process use: the limits of its control group (cgroups v1 and v2).
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace proofload {

struct Quota {
  std::optional<double> cores;          ///< CPU seconds per second; nothing: all there are
  std::optional<std::uint64_t> memory;  ///< bytes that may still be taken, the cache of files given up; nothing: all
};

/// The least of the group of this process and the groups around it. The paths are arguments for tests; what is not
/// there, or cannot be read, limits nothing.
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max, memory.current, memory.stat) and
/// cgroup-v1/.
Quota quota_of_process(const std::filesystem::path& groups = "/sys/fs/cgroup",
                       const std::filesystem::path& membership = "/proc/self/cgroup");

/// Bytes that this process may still take: of the machine (/proc/meminfo, MemAvailable) and of its quota.
std::optional<std::uint64_t> memory_left();

/// How many of `threads` have room when each takes so many bytes and so many are left (nothing: no limit).
int threads_with_room(int threads, std::uint64_t each, std::optional<std::uint64_t> left);

}  // namespace proofload

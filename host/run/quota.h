/// quota.h -- what a container lets a process use: the limits of its control group (cgroups v1 and v2).
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace proofload {

struct Quota {
  std::optional<double> cores;          ///< CPU seconds per second; nothing: all there are
  std::optional<std::uint64_t> memory;  ///< bytes that may still be taken; nothing: all there is
};

/// The least of the group of this process and the groups around it. The paths are arguments for tests; what is not
/// there, or cannot be read, limits nothing.
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max, memory.current) and cgroup-v1/.
Quota quota_of_process(const std::filesystem::path& groups = "/sys/fs/cgroup",
                       const std::filesystem::path& membership = "/proc/self/cgroup");

/// Bytes that this process may still take: of the machine (/proc/meminfo, MemAvailable) and of its quota.
std::optional<std::uint64_t> memory_left();

}  // namespace proofload

/// fake_cuda.h -- a CUDA runtime for GPUs that do not exist: what a test may ask of it, and how it can be made to fail.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fake_cuda {

/// Accesses that a GPU's memory, race, initialisation or barrier checker would report.
extern std::uint64_t violations;

/// Of each device: 90 passes for an H200, 80 for an A100, 75 is too old.
extern std::vector<int> devices;

/// Shared memory that a block may have on the current device, and the most that a launch has had.
extern std::size_t shared_memory_of_block, shared_memory_launched;

/// The call of the runtime that fails: 0 the next one, 1 the one after it. Falls with every call; negative: none fails.
extern int calls_before_failure;
/// Makes the next call of that name fail; empty: none.
extern std::string failing_call;

/// Device memory and events that nobody has freed.
std::size_t alive();

}  // namespace fake_cuda

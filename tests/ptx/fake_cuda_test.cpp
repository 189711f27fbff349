// What a GPU in good order never shows: an old card in the first slot, calls of the runtime that fail, a block that
// takes all the shared memory there is. This program is linked to the fake runtime instead of CUDA's.
#include "fake_cuda.h"

#include <gtest/gtest.h>

#include "plan/compile.h"
#include "run/cuda_backend.h"
#include "tests/kernels/markets.h"

namespace proofload {
namespace {

/// Fails the test in which a kernel did what a GPU's sanitizers would report.
class Watch : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { before_ = fake_cuda::violations; }
  void OnTestEnd(const ::testing::TestInfo&) override {
    EXPECT_EQ(fake_cuda::violations, before_) << "see the lines \"violation\" above";
    EXPECT_EQ(fake_cuda::alive(), 0u) << "device memory or events that nobody freed";
  }
  std::uint64_t before_ = 0;
};
[[maybe_unused]] const bool watched = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new Watch);
  return true;
}();

class FakeCuda : public ::testing::Test {
 protected:
  void TearDown() override {
    fake_cuda::devices = {90};
    fake_cuda::shared_memory_of_block = 227 * 1024;
    fake_cuda::calls_before_failure = -1;
    fake_cuda::failing_call.clear();
  }

  static Tally run(Backend& backend, const Compiled& compiled, std::uint64_t paths = 300) {
    Tally total(layout_of(compiled.plan));
    backend.run(compiled, 7, {0, paths}, total);
    return total;
  }

  const Compiled compiled = compile(stormy());
  const std::unique_ptr<Backend> cpu = make_backend({"cpu", "auto", 1});
};

TEST_F(FakeCuda, TheFirstDeviceThatIsNewEnoughIsUsed) {
  fake_cuda::devices = {75, 61, 80, 90};
  EXPECT_EQ(cuda_devices().names.size(), 2u);
  EXPECT_NE(cuda_devices().note.find("fake sm_75 is older"), std::string::npos) << cuda_devices().note;
  const auto gpu = make_backend({"auto", "auto", 0});
  EXPECT_EQ(gpu->device(), "fake sm_80");
  EXPECT_TRUE(run(*gpu, compiled) == run(*cpu, compiled));
}

TEST_F(FakeCuda, OldDevicesAloneAreNone) {
  fake_cuda::devices = {75};
  EXPECT_FALSE(cuda_devices().usable());
  EXPECT_EQ(make_backend({"auto", "auto", 0})->name(), "cpu");
  EXPECT_THROW(make_backend({"cuda", "auto", 0}), Error);
}

TEST_F(FakeCuda, ADeviceThatCannotBeOpenedIsAnErrorOnlyForWhoAskedForIt) {
  for (const char* call : {"cudaSetDevice", "cudaFuncGetAttributes"}) {
    fake_cuda::failing_call = call;
    EXPECT_THROW(make_backend({"cuda", "auto", 0}), Error) << call;
    fake_cuda::failing_call = call;
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(make_backend({"auto", "auto", 0})->name(), "cpu") << call;
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("running on the CPU: the GPU failed while"), std::string::npos) << said;
  }
  EXPECT_EQ(make_backend({"auto", "auto", 0})->name(), "cuda");
}

// Each call of the runtime fails once: an Error, nothing counted, nothing left behind, and the next run is right.
TEST_F(FakeCuda, AFailingCallSpoilsItsOwnRunOnly) {
  const auto gpu = make_backend({"cuda", "auto", 0});
  const Tally expected = run(*gpu, compiled);
  int failures = 0;
  for (bool failed = true; failed; failures += failed) {
    Tally total(layout_of(compiled.plan));
    fake_cuda::calls_before_failure = failures;
    failed = false;
    try {
      gpu->run(compiled, 7, {0, 300}, total);
    } catch (const Error& e) {
      failed = true;
      EXPECT_NE(std::string(e.what()).find("the GPU failed while"), std::string::npos) << e.what();
      EXPECT_TRUE(total == Tally(layout_of(compiled.plan))) << failures;
    }
    fake_cuda::calls_before_failure = -1;
    ASSERT_EQ(fake_cuda::alive(), 0u) << failures;
    ASSERT_TRUE(run(*gpu, compiled) == expected) << failures;
  }
  EXPECT_GT(failures, 25);
}

// A kernel has no shared memory of its own, and the runtime keeps nothing back from what it says a block may have.
TEST_F(FakeCuda, ABlockMayTakeAllTheSharedMemoryThereIs) {
  std::size_t refused = 0;
  for (std::size_t bytes = 1024;; bytes += 4) {
    fake_cuda::shared_memory_of_block = bytes;
    fake_cuda::shared_memory_launched = 0;
    const auto gpu = make_backend({"cuda", "auto", 0});
    try {
      run(*gpu, compiled, 3);
    } catch (const Error&) {
      ++refused;
      continue;
    }
    EXPECT_EQ(fake_cuda::shared_memory_launched, bytes);
    break;
  }
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace proofload

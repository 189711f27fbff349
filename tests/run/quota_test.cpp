// Limits of control groups, from folders that look like those of the kernel.
#include "run/quota.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace proofload {
namespace {

namespace fs = std::filesystem;

class Groups : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  Quota quota() const { return quota_of_process(root_, root_ / "self"); }

  fs::path root_ = fs::temp_directory_path() / ("proofload-groups-" + std::to_string(::getpid()));
};

TEST_F(Groups, OfVersionTwoLimitByTheLeastOnTheWayUp) {
  write("self", "0::/docker/inner\n");
  write("cgroup.controllers", "cpu memory\n");
  write("docker/inner/cpu.max", "250000 100000\n");
  write("docker/cpu.max", "150000 100000\n");
  write("docker/inner/memory.max", "1000000\n");
  write("docker/inner/memory.current", "400000\n");
  write("docker/memory.max", "max\n");
  EXPECT_EQ(quota().cores, 1.5);
  EXPECT_EQ(quota().memory, 600000u);
}

TEST_F(Groups, OfAContainerAreThoseMountedAtTheTop) {
  write("self", "0::/docker/of-the-host\n");
  write("cgroup.controllers", "cpu memory\n");
  write("cpu.max", "200000 100000\n");
  write("memory.max", "5000\n");
  write("memory.current", "6000\n");
  EXPECT_EQ(quota().cores, 2.0);
  EXPECT_EQ(quota().memory, 0u);
}

TEST_F(Groups, OfVersionOneHaveAFolderForEachController) {
  write("self", "5:memory:/job\n3:cpu,cpuacct:/job\n0::/\n");
  write("cpu/job/cpu.cfs_quota_us", "50000\n");
  write("cpu/job/cpu.cfs_period_us", "100000\n");
  write("memory/job/memory.limit_in_bytes", "4096000\n");
  write("memory/job/memory.usage_in_bytes", "96000\n");
  write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(quota().cores, 0.5);
  EXPECT_EQ(quota().memory, 4000000u);
}

TEST_F(Groups, WithoutLimitsLimitNothing) {
  EXPECT_FALSE(quota().cores);
  write("self", "0::/\nnonsense\n4:memory:\n");
  write("cgroup.controllers", "cpu\n");
  write("cpu.max", "max 100000\n");
  write("memory.max", "max\n");
  EXPECT_FALSE(quota().cores);
  EXPECT_FALSE(quota().memory);
}

TEST_F(Groups, CountTheCacheOfFilesAsFree) {
  write("self", "4:memory:/job\n0::/\n");
  write("cgroup.controllers", "memory\n");
  write("memory.max", "1000000\n");
  write("memory.current", "900000\n");
  write("memory.stat", "anon 200000\nfile 700000\ninactive_file 400000\nactive_file 250000\nshmem 50000\n");
  EXPECT_EQ(quota().memory, 750000u) << "shared memory is no cache";
  write("memory/job/memory.limit_in_bytes", "500000\n");
  write("memory/job/memory.usage_in_bytes", "500000\n");
  write("memory/job/memory.stat", "active_file 1\ntotal_inactive_file 100000\ntotal_active_file 20000\n");
  EXPECT_EQ(quota().memory, 120000u);
}

TEST(Memory, LeftIsLessThanTheMachineHas) {
  std::ifstream in("/proc/meminfo");
  std::string word;
  std::uint64_t total = 0;
  ASSERT_TRUE(in >> word >> total && word == "MemTotal:");
  const auto left = memory_left();
  ASSERT_TRUE(left);
  EXPECT_GT(*left, 0u);
  EXPECT_LT(*left, 1024 * total);
}

TEST(Memory, HasRoomForSoManyThreads) {
  EXPECT_EQ(threads_with_room(8, 1000, {}), 8);
  EXPECT_EQ(threads_with_room(8, 1000, 8000), 8);
  EXPECT_EQ(threads_with_room(8, 1000, 7999), 7);
  EXPECT_EQ(threads_with_room(8, 1000, 999), 0);
  EXPECT_EQ(threads_with_room(8, std::uint64_t{1} << 40, ~std::uint64_t{0}), 8);
}

}  // namespace
}  // namespace proofload

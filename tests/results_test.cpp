// Result files: what is written is what is read, and nothing else is taken for a result; a failed write leaves nothing
// behind.
#include "../host/results.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "../host/show.h"
#include "made_results.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using testing::count_losses, testing::made_results, testing::seal;

/// A folder of its own, gone when the test is over.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "proofload-results-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::size_t entries() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {})); }
};

Results filled() {
  std::string text = testing::two_collaterals;
  text += "haircut = 0.2\n[portfolio]\nhaircut = 0.15\n";
  Results r = made_results(text);
  const TallyLayout at = r.tally.layout;
  std::uint64_t state = 1;
  const auto next = [&] { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 33; };
  for (int k = 0; k < 2; ++k) {
    for (int i = 0; i < 500; ++i)
      count_losses(r.tally, k, static_cast<double>(next() % 2000) / 10'000.0 - 0.05, 1 + next() % 5);
    count_losses(r.tally, k, 0.01, 3, 0.77);
    count_losses(r.tally, k, -3.0, 2, 1.0);
  }
  seal(r, std::uint64_t{1} << 40);  // counts beyond 32 bits
  r.range.first = 12;
  r.seed = ~std::uint64_t{0};
  for (std::size_t i = at.under(0, 0); i < at.unresolved(); ++i) r.tally.counts[i] = next() % 1000;
  for (auto& sum : r.tally.sums) sum = next() << 30;
  return r;
}

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

/// The error's text, or what went wrong instead.
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) { return e.what(); }
  return "no error";
}

TEST(Results, AreReadAsTheyWereWritten) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5";
  const Results r = filled();
  write_results(r, file);
  EXPECT_EQ(folder.entries(), 1u) << "no temporary is left";
  const Results back = read_results(file);
  EXPECT_TRUE(back.tally == r.tally);
  EXPECT_EQ(back.compiled.plan_hash, r.compiled.plan_hash);
  EXPECT_EQ(effective_toml(back.scenario), effective_toml(r.scenario));
  EXPECT_EQ(back.scenario.source, r.scenario.source);
  EXPECT_EQ(back.seed, r.seed);
  EXPECT_EQ(back.range.first, r.range.first);
  EXPECT_EQ(back.range.count, r.range.count);
  EXPECT_EQ(back.engine, r.engine);
  EXPECT_EQ(back.backend, r.backend);
  EXPECT_EQ(back.device, r.device);
  EXPECT_EQ(back.date, r.date);
  EXPECT_EQ(back.wall_seconds, r.wall_seconds);
  EXPECT_EQ(show_json(back), show_json(r));
  EXPECT_EQ(show_table(back), show_table(r));
  write_results(back, folder.path / "again.h5");
  EXPECT_EQ(slurp(folder.path / "again.h5"), slurp(file)) << "equal results are equal files";
}

TEST(Results, KeepLongAndForeignText) {
  const Folder folder;
  const fs::path file = folder.path / "Ergebnis – 結果.h5";
  Results r = filled();
  r.device = "GPU “Größe” 端末";
  r.scenario.source = std::string(300'000, '#') + "\n";  // beyond the 64 KB of an old-style attribute
  write_results(r, file);
  const Results back = read_results(file);
  EXPECT_EQ(back.device, r.device);
  EXPECT_EQ(back.scenario.source, r.scenario.source);
}

TEST(Results, StoreOnlyChunksThatHoldSomething) {
  const Folder folder;
  Results r = made_results();
  seal(r, 1000);
  write_results(r, folder.path / "empty.h5");
  const hid_t file = H5Fopen((folder.path / "empty.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  const auto stored = [&](const char* name) {
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    const hsize_t size = H5Dget_storage_size(set);
    H5Dclose(set);
    return size;
  };
  EXPECT_GT(stored("loss_latency_count"), 0u);
  EXPECT_LT(stored("loss_latency_count"), 2000u) << "one chunk of 13 for each collateral";
  EXPECT_EQ(stored("loss_struck_count"), 0u) << "nothing was struck";
  H5Fclose(file);
}

TEST(Results, ReplaceAnOlderFileAndFollowLinks) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5", link = folder.path / "link.h5";
  spill(file, "older");
  fs::create_symlink("made.h5", link);
  write_results(filled(), link);
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(read_results(file).tally == filled().tally);
  EXPECT_EQ(folder.entries(), 2u);
}

TEST(DamagedResults, AreRefusedWhenTruncated) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5", part = folder.path / "part.h5";
  write_results(filled(), file);
  const std::string bytes = slurp(file);
  // The 53 bytes at the end are our hash: what is before it is a whole HDF5 file, and HDF5 knows its length.
  for (std::size_t size = 0; size + 60 < bytes.size(); size += size < 4096 ? 97 : bytes.size() / 61) {
    spill(part, bytes.substr(0, size));
    const std::string text = error_of([&] { read_results(part); });
    EXPECT_NE(text.find("part.h5"), std::string::npos) << text;
    EXPECT_NE(text.find("no result that can be used"), std::string::npos) << size << ": " << text;
  }
}

TEST(DamagedResults, AreRefusedWhenAByteIsWrong) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5", bad = folder.path / "bad.h5";
  write_results(filled(), file);
  const std::string bytes = slurp(file);
  for (std::size_t at = 8; at < bytes.size() - 60; at += bytes.size() / 211) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    spill(bad, changed);
    EXPECT_NE(error_of([&] { read_results(bad); }).find("damaged"), std::string::npos) << at;
  }
}

/// The file as another program would have rewritten it: the hash behind it is gone, and one attribute or dataset is
/// changed.
std::string error_after(const std::function<void(hid_t)>& change) {
  const Folder folder;
  const fs::path path = folder.path / "made.h5";
  write_results(filled(), path);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  change(file);
  H5Fclose(file);
  return error_of([&] { read_results(path); });
}

void set_number(hid_t file, const char* name, std::uint64_t number) {
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_UINT64, &number);
  H5Aclose(attribute);
}
void set_text(hid_t file, const char* name, const char* text) {
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), type = H5Aget_type(attribute);
  H5Awrite(attribute, type, &text);
  H5Tclose(type);
  H5Aclose(attribute);
}

TEST(DamagedResults, AreRefusedWhenTheirContentsDisagree) {
  EXPECT_EQ(error_after([](hid_t) {}), "no error") << "a file that was rewritten and means the same is as good";
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  std::string text = error_after([](hid_t f) { set_number(f, "paths", 77); });
  EXPECT_TRUE(has(text, "hash")) << text;
  text = error_after([](hid_t f) {
    const hid_t set = H5Dopen2(f, "hit_count", H5P_DEFAULT);
    const std::uint64_t counts[2] = {1, 2};
    H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, counts);
    H5Dclose(set);
  });
  EXPECT_TRUE(has(text, "hash")) << text;
  text = error_after([](hid_t f) { H5Ldelete(f, "delay_count", H5P_DEFAULT); });
  EXPECT_TRUE(has(text, "delay_count")) << text;
  text = error_after([](hid_t f) {
    H5Lmove(f, "delay_count", f, "hidden", H5P_DEFAULT, H5P_DEFAULT),
        H5Lmove(f, "hit_count", f, "delay_count", H5P_DEFAULT, H5P_DEFAULT);
  });
  EXPECT_TRUE(has(text, "shape")) << text;
  text = error_after([](hid_t f) { H5Adelete(f, "seed"); });
  EXPECT_TRUE(has(text, "seed")) << text;
  text = error_after(
      [](hid_t f) { H5Adelete(f, "seed"), H5Arename(f, "engine", "seed"), H5Arename(f, "device", "engine"); });
  EXPECT_TRUE(has(text, "\"seed\" is not a number")) << text;
  text = error_after([](hid_t f) { set_number(f, "schema", 99); });
  EXPECT_TRUE(has(text, "format 99") && has(text, "proofload test")) << text;
  text = error_after([](hid_t f) { set_text(f, "plan_hash", "00000000000000000000000000000000"); });
  EXPECT_TRUE(has(text, "compiles to plan")) << text;
  text = error_after([](hid_t f) { set_text(f, "effective_scenario", "schema = 1\nvolatility = -1\n"); });
  EXPECT_TRUE(has(text, "no longer understood")) << text;
  text = error_after([](hid_t f) { set_text(f, "format", "other"); });
  EXPECT_TRUE(has(text, "another program")) << text;
}

TEST(ForeignFiles, AreRefused) {
  const Folder folder;
  const auto refused = [&](const fs::path& file, const char* part) {
    const std::string text = error_of([&] { read_results(file); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const fs::path file = folder.path / "foreign.h5";
  refused(file, "No such file");
  refused(folder.path, "folder");
  refused("/dev/null", "not a regular file");
  spill(file, "");
  refused(file, "not an HDF5 file");
  spill(file, "schema = 1\n");
  refused(file, "not an HDF5 file");
  spill(file, "\x89HDF\r\n\x1a\n" + std::string(5000, 'x'));
  refused(file, "truncated or damaged");
  fs::remove(file);
  H5Fclose(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  refused(file, "another program");
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  refused(file, "not a regular file");
  fs::remove(file);
  spill(file, "");
  fs::resize_file(file, (std::uintmax_t{1} << 32) + 1);  // sparse
  refused(file, "more than such a file can have");
}

/// Writing must fail with this word, leave nothing new behind and keep the older file.
void expect_failed_write(const Folder& folder, const fs::path& file, const char* part) {
  const std::string before = slurp(file);
  const std::size_t entries = folder.entries();
  const std::string text = error_of([&] { write_results(filled(), file); });
  EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_NE(text.find(file.filename().string()), std::string::npos) << text;
  EXPECT_EQ(folder.entries(), entries);
  EXPECT_EQ(slurp(file), before);
}

TEST(FailedWrites, LeaveNothingBehindAtALimit) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5";
  spill(file, "older");
  struct rlimit old {};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 20'000, old.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_failed_write(folder, file, "File too large");
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
}

TEST(FailedWrites, LeaveNothingBehindOnAFullDisk) {
  const Folder folder;
  if (::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "mounting a small disk needs root";
  const fs::path file = folder.path / "made.h5";
  spill(file, "older");
  expect_failed_write(folder, file, "No space left");
  ::umount(folder.path.c_str());
}

TEST(FailedWrites, SayWhyAFolderWillNotDo) {
  const Folder folder;
  ASSERT_EQ(::chmod(folder.path.c_str(), 0555), 0);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);  // root may write anywhere
  expect_failed_write(folder, folder.path / "made.h5", "Permission denied");
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  ::chmod(folder.path.c_str(), 0755);
  expect_failed_write(folder, folder.path / "missing" / "made.h5", "make the folder first");
  EXPECT_NE(error_of([&] { write_results(filled(), folder.path); }).find("it is a folder"), std::string::npos);
  EXPECT_NE(error_of([&] { write_results(filled(), "/dev/full"); }).find("not a regular file"), std::string::npos);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(Show, HasTheKeysOfTheContractInTheirOrder) {
  const auto keys = [](const nlohmann::ordered_json& object) {
    std::vector<std::string> names;
    for (const auto& item : object.items()) names.push_back(item.key());
    return names;
  };
  const auto begins = [](std::vector<std::string> names, std::size_t n) { return names.resize(n), names; };
  using Names = std::vector<std::string>;
  const auto json = nlohmann::ordered_json::parse(show_json(filled()).dump());
  EXPECT_EQ(begins(keys(json), 13),
            (Names{"scenario", "schema", "engine", "backend", "seed", "paths", "interval", "plan_hash", "tally_hash",
                   "unresolved", "collateral", "routes", "joint_under"}));
  const auto& collateral = json["collateral"][0];
  EXPECT_EQ(begins(keys(collateral), 6), (Names{"name", "asset", "route", "p_under", "p_failure", "haircuts"}));
  EXPECT_EQ(begins(keys(collateral["p_under"]), 5), (Names{"haircut", "estimate", "low", "high", "mean_shortfall"}));
  EXPECT_EQ(begins(keys(collateral["p_failure"]), 3), (Names{"estimate", "low", "high"}));
  EXPECT_EQ(begins(keys(collateral["haircuts"][0]), 10),
            (Names{"confidence", "value", "low", "high", "expected_shortfall", "expected_shortfall_low",
                   "expected_shortfall_high", "given_no_failure", "beyond_cliff", "attribution"}));
  EXPECT_EQ(keys(collateral["haircuts"][0]["attribution"]), (Names{"price", "latency", "failure", "liquidity"}));
  EXPECT_EQ(begins(keys(json["routes"][0]), 2), (Names{"name", "delay_seconds"}));
  EXPECT_EQ(keys(json["routes"][0]["delay_seconds"]), (Names{"p50", "p90", "p99", "p999"}));
  EXPECT_EQ(json["seed"].get<std::uint64_t>(), ~std::uint64_t{0});
  EXPECT_EQ(json["joint_under"].size(), 2u);
  EXPECT_EQ(json["joint_under"][1].size(), 2u);
}

TEST(Show, WritesNullForWhatIsAbsent) {
  Results r = made_results();
  count_losses(r.tally, 0, 0.2, 1, 1.0);
  seal(r, 100);
  const auto json = show_json(r);
  EXPECT_TRUE(json["collateral"][1]["p_under"].is_null());
  EXPECT_TRUE(json["joint_under"][0][1].is_null());
  EXPECT_TRUE(json["collateral"][0]["haircuts"][2]["high"].is_null());
  EXPECT_TRUE(json["collateral"][0]["haircuts"][2]["expected_shortfall"].is_null());
  EXPECT_TRUE(json["collateral"][1]["loss_given_failure"].is_null());
  EXPECT_TRUE(json["portfolio"].is_null());
}

TEST(Show, FitsATerminalAndSaysWhatMatters) {
  std::string text = testing::two_collaterals;
  text.replace(text.find("ETH@base"), 8, "Ether wrapped thrice – über a route with a very long name");
  Results r = made_results(text);
  count_losses(r.tally, 0, 0.01, 50, 0.9);
  seal(r, 1000);
  r.tally.counts[r.tally.layout.unresolved()] = 3;
  const std::string table = show_table(r);
  std::size_t begin = 0;
  while (begin < table.size()) {
    const std::size_t end = table.find('\n', begin);
    const std::string line = table.substr(begin, end - begin);
    EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }), 120) << line;
    begin = end + 1;
  }
  for (const char* part : {"per liquidation", "simulation error only", "beyond the cliff at 99 %, 99.9 %", "On 3 paths",
                           "Run more paths", "Ether wrapped thrice – über a route with a very long name"}) {
    EXPECT_NE(table.find(part), std::string::npos) << part << " is not in\n" << table;
  }
}

}  // namespace
}  // namespace proofload

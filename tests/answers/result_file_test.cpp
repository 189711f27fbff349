// Result files: what is written is what is read, and nothing else is taken for a result; a failed write leaves nothing
// behind.
#include "answers/result_file.h"
#include "base/screen.h"
#include "base/words.h"
#include "run/results.h"
#include "scenario/effective.h"
#include "scenario/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
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
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "answers/answer.h"
#include "answers/compare.h"
#include "answers/notes.h"
#include "answers/show.h"
#include "run/engine.h"
#include "tests/answers/made_results.h"

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

/// Every kind of counter is in use: two policies, a book and a grid.
std::string full_scenario() {
  return testing::market_with(testing::as_book(testing::two_collaterals), testing::a_grid);
}

Results filled(const std::string& text = full_scenario()) {
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
  for (int i = 0; i < 500 && at.lowest != 0; ++i)
    r.tally.counts[at.least() + testing::bin_of(static_cast<double>(next() % 3000) / 10'000.0)] += 1 + next() % 5;
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

TEST(Results, HoldPairsOnlyWhereTheyAreCounted) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5";
  std::string text = full_scenario();
  const std::size_t at = text.find("[run]\n");
  ASSERT_NE(at, std::string::npos);
  const Results r = filled(text.insert(at + 6, "joint_under = false\n"));
  ASSERT_EQ(r.tally.layout.joint, 0u);
  write_results(r, file);
  const Results back = read_results(file);
  EXPECT_TRUE(back.tally == r.tally);
  EXPECT_EQ(show_json(back), show_json(r));
}

bool has_dataset(const fs::path& path, const char* name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const htri_t found = H5Lexists(file, name, H5P_DEFAULT);
  H5Fclose(file);
  return found > 0;
}

TEST(Results, HoldObserversOnlyWhereThereAreAny) {
  const Folder folder;
  const std::string book = testing::as_book(testing::two_collaterals);
  struct Case {
    std::string text;
    bool breaches, lowest;
  };
  for (const auto& [text, breaches, lowest] : {Case{full_scenario(), true, true}, Case{book, false, false},
                                               Case{full_scenario() + "minimum = false\n", true, false}}) {
    const Results r = filled(text);
    ASSERT_EQ(r.tally.layout.breaches != 0, breaches);
    ASSERT_EQ(r.tally.layout.lowest != 0, lowest);
    const fs::path file = folder.path / "made.h5";
    write_results(r, file);
    EXPECT_EQ(has_dataset(file, "breach_count"), breaches);
    EXPECT_EQ(has_dataset(file, "p_breach"), breaches);
    EXPECT_EQ(has_dataset(file, "loss_least_count"), lowest);
    const Results back = read_results(file);
    EXPECT_TRUE(back.tally == r.tally);
    EXPECT_EQ(show_json(back), show_json(r));
  }
}

TEST(Results, OfPartsAddUpToThoseOfTheWhole) {
  std::string text = full_scenario();
  text.replace(text.find("volatility = 0.80"), 17, "volatility = 20.0");  // some paths must breach
  Scenario whole = parse_scenario(text, "made.toml");
  whole.run.paths = 6000;
  Scenario first = whole;
  first.run.paths = 2500;
  const auto backend = make_backend({"cpu", "auto", 2});
  const Results all = run_scenario(whole, *backend);
  const TallyLayout& at = all.tally.layout;
  EXPECT_GT(all.tally.counts[at.breach(0)], 0u) << "nothing is tested";
  EXPECT_LT(all.tally.counts[at.least() + testing::bin_of(0.0)], 6000u) << "nothing is tested";

  const Folder folder;
  write_results(run_scenario(first, *backend), folder.path / "made.h5.part");
  const Results resumed = run_scenario(whole, *backend, {}, read_results(folder.path / "made.h5.part"));
  EXPECT_TRUE(resumed.tally == all.tally);
  EXPECT_EQ(resumed.tally.hash(), all.tally.hash());

  Results merged = run_scenario(first, *backend);
  Tally rest(at);
  backend->run(all.compiled, all.seed, {2500, 3500}, rest);
  merged.tally += rest;
  merged.range.count = 6000;
  write_results(merged, folder.path / "merged.h5");
  EXPECT_TRUE(read_results(folder.path / "merged.h5").tally == all.tally);
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
  for (const char* name : {"delay_count", "breach_count", "loss_least_count"}) {
    text = error_after([&](hid_t f) { H5Ldelete(f, name, H5P_DEFAULT); });
    EXPECT_TRUE(has(text, name)) << text;
  }
  text = error_after([](hid_t f) { set_number(f, "kernel_revision", kernel_revision + 1); });
  EXPECT_TRUE(has(text, "kernel revision") && has(text, "proofload test")) << text;
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

/// A dataset in the place of one that is read, made by `create` with the space of the old one.
std::string error_with(const char* name, const std::function<void(hid_t file, hid_t space)>& create) {
  return error_after([&](hid_t f) {
    const hid_t set = H5Dopen2(f, name, H5P_DEFAULT), space = H5Dget_space(set);
    H5Dclose(set);
    H5Ldelete(f, name, H5P_DEFAULT);
    create(f, space);
    H5Sclose(space);
  });
}

TEST(HostileResults, ReadNothingButThemselves) {
  const Folder folder;
  const fs::path elsewhere = folder.path / "elsewhere.h5", raw = folder.path / "raw";
  write_results(filled(), elsewhere);
  spill(raw, std::string(4096, '\1'));
  const auto expect = [](const std::string& text) {
    EXPECT_NE(text.find("hit_count"), std::string::npos) << text;
    EXPECT_NE(text.find("reads nothing but itself"), std::string::npos) << text;
  };
  const auto with = [](hid_t f, hid_t space, const std::function<void(hid_t)>& storage) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    storage(creation);
    H5Dclose(H5Dcreate2(f, "hit_count", H5T_STD_U64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
  };
  expect(error_with("hit_count", [&](hid_t f, hid_t) {
    H5Lcreate_external(elsewhere.c_str(), "/hit_count", f, "hit_count", H5P_DEFAULT, H5P_DEFAULT);
  }));
  expect(error_with("hit_count",
                    [](hid_t f, hid_t) { H5Lcreate_soft("/late_count", f, "hit_count", H5P_DEFAULT, H5P_DEFAULT); }));
  expect(error_with("hit_count", [&](hid_t f, hid_t space) {
    with(f, space, [&](hid_t creation) { H5Pset_external(creation, raw.c_str(), 0, 16); });
  }));
  expect(error_with("hit_count", [&](hid_t f, hid_t space) {
    with(f, space, [&](hid_t creation) { H5Pset_virtual(creation, space, elsewhere.c_str(), "/hit_count", space); });
  }));
  // the same file's: no other file is opened, but it is a way there
  expect(error_with("hit_count", [&](hid_t f, hid_t space) {
    with(f, space, [&](hid_t creation) { H5Pset_virtual(creation, space, ".", "/late_count", space); });
  }));
}

TEST(HostileResults, OpenNoFileOfTheirScenario) {
  const Folder folder;
  const std::string good = full_scenario();
  const auto there = [&](const char* name, const std::string& bytes) {
    spill(folder.path / name, bytes);
    return '"' + (folder.path / name).string() + '"';
  };
  const std::string more = there("more.toml", "schema = 1\n"), matrix = there("matrix.csv", "1\n"),
                    samples = there("samples.csv", "delay\n1\n2\n3\n"), quantiles = there("q.csv", "p50,p99\n1,2\n"),
                    prices = there("prices.csv", "time,ETH\n1583971200,1\n1583974800,2\n"),
                    residuals = there("residuals.csv", "ETH\n1\n2\n");
  const auto first = [&](const std::string& from, const std::string& to) {
    const auto at = good.find(from);
    if (at == std::string::npos) throw std::logic_error("not in the scenario: " + from);
    return std::string(good).insert(at + from.size(), to);
  };
  const std::string law = "kind = \"empirical\", ";
  const auto as_basis = [&](const std::string& text) {
    return first("[[collateral]]\n", "basis = { " + law + text + " }\n");
  };
  for (const auto& [text, why] :
       {std::pair{first("schema = 1\n", "include = [" + more + "]\n"), "reads nothing but"},
        {first("schema = 1\n", "include = [\"proofload:chains\"]\n"), "reads nothing but"},
        {first("[market]\n", "correlation_file = " + matrix + "\n"), "reads nothing but"},
        {as_basis("file = " + samples + ", column = \"delay\""), "reads nothing but"},
        {as_basis("quantile_file = " + quantiles), "reads nothing but"},
        {first("[market]\n",
               "innovation = { kind = \"bootstrap\", file = " + residuals + ", bar = \"1h\", block = \"5h\" }\n"),
         "no record that can be used"},
        {good + "[stress]\nreplay = { file = " + prices + ", start = \"random\" }\n", "no record that can be used"}}) {
    const std::string error = error_after([&text = text](hid_t f) { set_text(f, "effective_scenario", text.c_str()); });
    EXPECT_NE(error.find(why), std::string::npos) << error << "\n" << text;
  }
}

TEST(HostileResults, HaveCountsOfTheirPaths) {
  const Results good = filled();
  const TallyLayout& at = good.tally.layout;
  const auto error = [&](const std::function<void(Tally&)>& change) {  // of a file whose hashes are right
    Tally tally = good.tally;
    change(tally);
    return error_after([&](hid_t f) {
      for (const Section& s : sections) {
        if (s.kind == Kind::sum || at.size(s) == 0) continue;
        const hid_t set = H5Dopen2(f, s.name, H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, tally.counts.data() + at.begin(s));
        H5Dclose(set);
      }
      set_text(f, "tally_hash", tally.hash().c_str());
    });
  };
  EXPECT_EQ(error([](Tally&) {}), "no error");
  for (const std::size_t one : {at.price(0) + 5, at.delay(0) + 5, at.book() + 7, at.struck(1) + 9, at.spared(1) + 9}) {
    const std::string text = error([&](Tally& t) { ++t.counts[one]; });
    EXPECT_NE(text.find("are not those of"), std::string::npos) << one << ": " << text;
  }
  const std::string nowhere = error([&](Tally& t) {
    ++t.counts[at.spared(0) + 99'000], ++t.counts[at.struck(0) + 99'000];  // a path that was nowhere before
  });
  EXPECT_NE(nowhere.find("are not those of"), std::string::npos) << nowhere;
  const std::string many = error([&](Tally& t) { t.counts[at.late(0)] = t.paths + 1; });
  EXPECT_NE(many.find("are not those of"), std::string::npos) << many;
}

TEST(HostileResults, PrintNoControlCharacters) {
  const auto error = [](const char* name) {
    return error_after([&](hid_t f) { set_text(f, name, "\x1b]0;owned\x07"); });
  };
  for (const char* name : {"engine", "backend", "device", "date"})
    EXPECT_NE(error(name).find("no line of text"), std::string::npos) << error(name);
}

TEST(Results, SayWhetherTheyHaveAChecksum) {
  const Folder folder;
  const fs::path file = folder.path / "made.h5", bare = folder.path / "bare.h5";
  write_results(filled(), file);
  const std::string bytes = slurp(file);
  spill(bare, bytes.substr(0, bytes.size() - 53));
  EXPECT_TRUE(read_results(file).has_checksum);
  EXPECT_FALSE(read_results(bare).has_checksum);
  EXPECT_EQ(show_table(read_results(file)).find("hecksum"), std::string::npos);
  EXPECT_NE(show_table(read_results(bare)).find("Checksum of the file: none"), std::string::npos);
}

TEST(HostileResults, AreTheMachinesFaultWhereItHasNoRoom) {
  const Folder folder;
  write_results(filled(), folder.path / "made.h5");
  const int next = ::dup(STDERR_FILENO);
  ::close(next);
  struct rlimit old {};
  ::getrlimit(RLIMIT_NOFILE, &old);
  const struct rlimit one_more { static_cast<rlim_t>(next) + 1, old.rlim_max };  // for the file, not for a channel
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  std::optional<Cause> cause;
  try {
    read_results(folder.path / "made.h5");
  } catch (const Error& e) { cause = e.cause; }
  ::setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_EQ(cause, Cause::machine);
}

// ---- scenarios that read files ------------------------------------------------------------------------------------

/// Two assets whose prices or residuals are in files beside the scenario.
constexpr char of_files[] = R"(
schema = 1
name = "of files"
[run]
paths = 3000
seed = 7
confidence = [0.9, 0.99]
horizon = "6h"
[market]
assets = [ { name = "ETH", price = 3000.0, volatility = 0.8 }, { name = "BTC", price = 60000.0, volatility = 0.6 } ]
correlation = [[1.0, 0.5], [0.5, 1.0]]
%MARKET%
[stress]
%STRESS%
[routes.slow]
collateral_chain = "base"
liability_chain = "arbitrum"
stages = [ { name = "relay", kind = "exponential", mean = "1h" } ]
[[collateral]]
name = "one"
asset = "ETH"
route = "slow"
haircut = 0.05
[[collateral]]
name = "two"
asset = "BTC"
route = "slow"
haircut = 0.05
)";
constexpr char drawn[] =
    "innovation = { kind = \"bootstrap\", file = \"my residuals.csv\", bar = \"1h\", block = \"5h\" }";
constexpr char at_random[] = "replay = { file = \"crash.csv\", start = \"random\", from = \"2020-03-12T06:00Z\" }";
constexpr char at_noon[] =
    "replay = { file = \"crash.csv\", start = \"2020-03-12T12:00:00Z\", columns = { BTC = \"ETH\" } }";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("not in the text: " + from);
  return text.replace(at, from.size(), to);
}
std::string with_files(const std::string& market, const std::string& stress) {
  return replaced(replaced(of_files, "%MARKET%", market), "%STRESS%", stress);
}

/// A folder with the files and a scenario that names them.
struct FilesFolder : Folder {
  explicit FilesFolder(const std::string& text = {}, int hours = 72, std::uint64_t state = 5) {
    const auto next = [&] {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<double>(state >> 40) * 0x1p-24 - 0.5;
    };
    std::string residuals = "ETH,BTC\n", prices = "timestamp_utc,ETH,BTC\n";
    double eth = 200.0, btc = 8000.0;
    for (int hour = 0; hour < hours; ++hour) {
      residuals += fmt::format("{},{}\n", next(), next());
      residuals += fmt::format("{},{}\n", next(), next());
      prices +=
          fmt::format("{},{},{}\n", 1583971200 + 3600 * hour, eth *= 1.0 + 0.1 * next(), btc *= 1.0 + 0.1 * next());
    }
    spill(path / "my residuals.csv", residuals);
    spill(path / "crash.csv", prices);
    spill(scenario(), text);
  }
  fs::path scenario() const { return path / "scenario.toml"; }
  void lose_files() const {
    fs::remove(path / "my residuals.csv");
    fs::remove(path / "crash.csv");
  }
};

TEST(ResultsOfFiles, OpenWithoutThem) {
  struct Case {
    std::string market, stress;
  };
  for (const auto& [market, stress] :
       {Case{drawn, ""}, Case{"", at_random}, Case{"", at_noon}, Case{drawn, at_random},
        Case{std::string(drawn) +
                 "\nvariance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0.1, beta = 0.8 }",
             "volatility = 1.5\ncorrelation = 0.5"}}) {
    SCOPED_TRACE(market + "\n" + stress);
    const FilesFolder folder(with_files(market, stress));
    const fs::path file = folder.path / "made.h5", again = folder.path / "again.h5";
    const Results r = run_scenario(read_scenario(folder.scenario()), *make_backend({"cpu", "auto", 2}));
    write_results(r, file);
    folder.lose_files();
    EXPECT_THROW(read_scenario(folder.scenario()), Error) << "the files are not missed";
    const Results back = read_results(file);
    EXPECT_TRUE(back.tally == r.tally);
    EXPECT_EQ(back.tally.hash(), r.tally.hash());
    EXPECT_EQ(back.compiled.plan_hash, r.compiled.plan_hash);
    EXPECT_EQ(back.compiled.rows, r.compiled.rows);
    EXPECT_EQ(back.scenario.market.innovation.rows, r.scenario.market.innovation.rows);
    ASSERT_EQ(back.scenario.stress.replay.has_value(), r.scenario.stress.replay.has_value());
    if (r.scenario.stress.replay) {
      EXPECT_EQ(back.scenario.stress.replay->returns, r.scenario.stress.replay->returns);
      EXPECT_EQ(back.scenario.stress.replay->calls, r.scenario.stress.replay->calls);
      EXPECT_EQ(back.scenario.stress.replay->bar, r.scenario.stress.replay->bar);
      EXPECT_EQ(back.scenario.stress.replay->file, "crash.csv");
      EXPECT_GT(r.scenario.stress.replay->returns.size(), 5u) << "nothing is tested";
    }
    EXPECT_EQ(show_json(back), show_json(r));
    EXPECT_EQ(show_table(back), show_table(r));
    EXPECT_FALSE(differs(compare({r, back}, {"before", "after"})));
    write_results(back, again);
    EXPECT_EQ(slurp(again), slurp(file)) << "equal results are equal files";
    EXPECT_EQ(slurp(file).find(folder.path.filename().string()), std::string::npos)
        << "it names a folder of this machine";
  }
}

TEST(ResultsOfFiles, GoOnWithAndWithoutThem) {
  const auto backend = make_backend({"cpu", "auto", 2});
  for (const auto& [market, stress] :
       {std::pair<std::string, std::string>{drawn, ""}, {"", at_random}, {"", at_noon}}) {
    SCOPED_TRACE(market + stress);
    const std::string text = with_files(market, stress);
    const FilesFolder folder(text);
    const fs::path part = folder.path / "part.h5";
    const Results whole = run_scenario(read_scenario(folder.scenario()), *backend);
    write_results(run_scenario(read_scenario(folder.scenario(), {1000, {}}), *backend), part);
    const Results before = read_results(part);
    const Recorded recorded = recorded_in(before.scenario);
    const auto resume = [&] {
      return run_scenario(read_scenario(folder.scenario(), {}, &recorded), *backend, {}, before);
    };
    EXPECT_TRUE(resume().tally == whole.tally) << "with the files";
    const FilesFolder others({}, 72, 6);
    for (const char* name : {"my residuals.csv", "crash.csv"})
      fs::copy_file(others.path / name, folder.path / name, fs::copy_options::overwrite_existing);
    EXPECT_NE(error_of([&] { resume(); }).find("another run"), std::string::npos) << "files that have changed";
    folder.lose_files();
    const Results resumed = resume();
    EXPECT_TRUE(resumed.tally == whole.tally) << "without the files";
    EXPECT_EQ(resumed.compiled.plan_hash, whole.compiled.plan_hash);

    // What is recorded does not stand in for something else.
    const auto refused = [&](const std::string& from, const std::string& to) {
      spill(folder.scenario(), replaced(text, from, to));
      EXPECT_NE(error_of([&] { resume(); }).find("does not exist"), std::string::npos) << from << " to " << to;
    };
    refused(".csv\"", ".txt\"");
    refused("\"BTC\", price", "\"BTD\", price");
    if (market.empty()) refused("horizon = \"6h\"", "horizon = \"7h\"");
    if (stress == at_random) refused("06:00Z", "07:00Z");
    if (stress == at_random) refused("start = \"random\"", "start = \"2020-03-12T06:00:00Z\"");
    if (stress == at_noon) refused("BTC = \"ETH\"", "ETH = \"BTC\"");
  }
}

void set_real(hid_t file, const char* name, std::size_t at, double number) {
  const hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
  std::vector<double> numbers(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data());
  numbers.at(at) = number;
  H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data());
  H5Sclose(space);
  H5Dclose(set);
}
void set_calls(hid_t file, std::uint64_t calls) {
  const hid_t set = H5Dopen2(file, "replay_calls", H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &calls);
  H5Dclose(set);
}

TEST(ResultsOfFiles, AreRefusedWhenWhatTheyRecordIsDamaged) {
  const FilesFolder folder(with_files(drawn, ""));
  const fs::path drawn_file = folder.path / "drawn.h5", replayed_file = folder.path / "replayed.h5";
  const auto write = [&](const fs::path& file) {
    Scenario s = read_scenario(folder.scenario(), {100, {}});
    write_results(run_scenario(s, *make_backend({"cpu", "auto", 1})), file);
  };
  write(drawn_file);
  spill(folder.scenario(), with_files("", at_random));
  write(replayed_file);
  const fs::path here = fs::current_path();
  fs::current_path(folder.path);  // the files are there, and must not be opened
  const auto expect = [&](const fs::path& from, const char* part, const std::function<void(hid_t)>& change) {
    const fs::path file = folder.path / "bad.h5";
    fs::copy_file(from, file, fs::copy_options::overwrite_existing);
    const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    change(id);
    H5Fclose(id);
    const std::string text = error_of([&] { read_results(file); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const char* const unfit = "has no record that can be used";
  expect(drawn_file, "no error", [](hid_t) {});
  expect(replayed_file, "no error", [](hid_t) {});
  expect(drawn_file, unfit, [](hid_t f) { H5Ldelete(f, "residual", H5P_DEFAULT); });
  expect(drawn_file, unfit, [&](hid_t f) { set_real(f, "residual", 17, nan); });
  expect(drawn_file, "compiles to plan", [](hid_t f) { set_real(f, "residual", 17, 0.125); });
  expect(drawn_file, "not a table", [](hid_t f) {
    H5Ldelete(f, "residual", H5P_DEFAULT), H5Lmove(f, "residual_row", f, "residual", H5P_DEFAULT, H5P_DEFAULT);
  });
  expect(replayed_file, unfit, [](hid_t f) { H5Ldelete(f, "replay_return", H5P_DEFAULT); });
  expect(replayed_file, "replay_bar", [](hid_t f) { H5Ldelete(f, "replay_bar", H5P_DEFAULT); });
  expect(replayed_file, "replay_calls", [](hid_t f) { H5Ldelete(f, "replay_calls", H5P_DEFAULT); });
  expect(replayed_file, unfit, [&](hid_t f) { set_real(f, "replay_return", 3, nan); });
  expect(replayed_file, "compiles to plan", [](hid_t f) { set_real(f, "replay_return", 3, 0.125); });
  for (const std::uint64_t calls : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
    expect(replayed_file, unfit, [&](hid_t f) { set_calls(f, calls); });
  for (const double bar : {0.0, 1800.0, -3600.0, 1e-300, nan})
    expect(replayed_file, unfit, [&](hid_t f) { set_real(f, "replay_bar", 0, bar); });
  fs::current_path(here);
}

TEST(ResultsOfFiles, CompressWhatTheyRecordAndNothingElseHoldsIt) {
  const FilesFolder folder(with_files(drawn, at_random), 5000);
  const fs::path file = folder.path / "made.h5";
  write_results(run_scenario(read_scenario(folder.scenario(), {100, {}}), *make_backend({"cpu", "auto", 1})), file);
  const hid_t f = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(f, 0);
  for (const char* name : {"residual", "replay_return"}) {
    const hid_t set = H5Dopen2(f, name, H5P_DEFAULT), properties = H5Dget_create_plist(set);
    EXPECT_EQ(H5Pget_layout(properties), H5D_CHUNKED) << name;
    hsize_t chunk[2] = {};
    EXPECT_EQ(H5Pget_chunk(properties, 2, chunk), 2);
    EXPECT_EQ(chunk[1], 2u) << "whole rows";
    EXPECT_GT(H5Pget_nfilters(properties), 0) << name;
    H5Pclose(properties);
    H5Dclose(set);
  }
  H5Fclose(f);
  EXPECT_TRUE(read_results(file).compiled.rows.size() > 2 * 4900u) << "and it is read in pieces";
  write_results(filled(), file);
  for (const char* name : {"asset", "residual", "replay_return", "replay_calls"}) EXPECT_FALSE(has_dataset(file, name));
}

/// The file as an older kernel revision would have written it: another plan hash, and observers that it did not know.
Results read_older(const std::string& scenario, const std::function<void(hid_t)>& change = {}) {
  const Folder folder;
  const fs::path path = folder.path / "older.h5";
  Results r = filled(scenario);
  TallyLayout layout = r.tally.layout;
  layout.breaches = layout.lowest = 0;
  Tally tally(layout);
  tally.paths = r.tally.paths;
  const std::size_t before_least = layout.least(), before_breaches = layout.late(int(layout.collaterals));
  const auto& from = r.tally.counts;
  std::copy_n(from.begin(), before_least, tally.counts.begin());
  std::copy_n(from.begin() + std::ptrdiff_t(r.tally.layout.delay(0)), before_breaches - before_least,
              tally.counts.begin() + std::ptrdiff_t(before_least));
  std::copy(from.begin() + std::ptrdiff_t(r.tally.layout.book_under()), from.end(),
            tally.counts.begin() + std::ptrdiff_t(before_breaches));
  tally.sums = r.tally.sums;
  r.tally = tally;
  write_results(r, path);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  set_number(file, "kernel_revision", kernel_revision - 1);
  set_text(file, "plan_hash", "00112233445566778899aabbccddeeff");
  if (change) change(file);
  H5Fclose(file);
  const Results back = read_results(path);
  EXPECT_TRUE(back.tally == tally);
  return back;
}

TEST(OlderResults, AreReadWithoutWhatTheyDidNotCount) {
  for (const std::string& scenario : {testing::as_book(testing::two_collaterals), full_scenario()}) {
    const Results r = read_older(scenario);
    EXPECT_EQ(r.compiled.plan_hash, "00112233445566778899aabbccddeeff");
    const Answers a = answer(r);
    EXPECT_TRUE(a.portfolio);
    EXPECT_FALSE(a.collateral[0].p_breach || a.minimum);
    EXPECT_EQ(a.collateral[0].p_under.estimate, answer(filled(scenario)).collateral[0].p_under.estimate);
    const auto json = show_json(r);
    EXPECT_TRUE(json["collateral"][0]["p_breach"].is_null());
    EXPECT_TRUE(json["portfolio"]["minimum"].is_null());
    const Folder folder;
    write_results(r, folder.path / "again.h5");
    EXPECT_TRUE(read_results(folder.path / "again.h5").tally == r.tally) << "and may be written again";
    Scenario more = r.scenario;
    more.run.paths = r.range.count + 1;
    const auto backend = make_backend({"cpu", "auto", 1});
    EXPECT_NE(error_of([&] { run_scenario(more, *backend, {}, r); }).find("another run"), std::string::npos)
        << "other paths must not be added to them";
  }
}

TEST(OlderResults, AreStillRefusedWhenDamaged) {
  const auto error = [](const std::function<void(hid_t)>& change) {
    return error_of([&] { read_older(full_scenario(), change); });
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(error([](hid_t f) { set_number(f, "paths", 77); }), "hash"));
  EXPECT_TRUE(has(error([](hid_t f) { H5Ldelete(f, "late_count", H5P_DEFAULT); }), "late_count"));
  const std::string text = error([](hid_t f) {
    const hid_t set = H5Dopen2(f, "price_reading", H5P_DEFAULT);
    const std::uint64_t swapped[2] = {1, 0};
    H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, swapped);
    H5Dclose(set);
  });
  EXPECT_TRUE(has(text, "another order")) << text;
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
  EXPECT_EQ(keys(collateral["haircuts"][0]["attribution"]),
            (Names{"price", "basis", "latency", "failure", "liquidity"}));
  EXPECT_EQ(begins(keys(json["routes"][0]), 2), (Names{"name", "delay_seconds"}));
  EXPECT_EQ(keys(json["routes"][0]["delay_seconds"]), (Names{"p50", "p90", "p99", "p999"}));
  EXPECT_EQ(json["seed"].get<std::uint64_t>(), ~std::uint64_t{0});
  EXPECT_EQ(json["joint_under"].size(), 2u);
  EXPECT_EQ(json["joint_under"][1].size(), 2u);
  EXPECT_EQ(keys(collateral),
            (Names{"name", "asset", "route", "p_under", "p_failure", "haircuts", "loss_given_failure",
                   "exposure_cap_per_loss_budget", "unresolved", "p_breach", "exposure_cap_per_loss_budget_low",
                   "exposure_cap_per_loss_budget_high", "exposure_cap", "highest_priced_confidence", "risk_rate",
                   "wrapped_alternative", "loss_given_failure_low", "loss_given_failure_high"}))
      << "additions come last";
  EXPECT_EQ(keys(collateral["haircuts"][0]).size(), 15u);
  EXPECT_EQ(keys(collateral["haircuts"][0]["capital_efficiency"]), (Names{"single_chain", "wrapped"}));
  EXPECT_EQ(keys(json["routes"][0]), (Names{"name", "delay_seconds", "unresolved", "stages"}));
  EXPECT_EQ(keys(json["routes"][0]["stages"][0]), (Names{"name", "scope", "delay_seconds", "trigger"}));
  EXPECT_EQ(keys(json["routes"][0]["stages"][0]["delay_seconds"]), (Names{"p50", "p90", "p99", "p999"}));
  EXPECT_EQ(keys(collateral["p_breach"]), (Names{"estimate", "low", "high"}));
  EXPECT_EQ(keys(json["portfolio"]), (Names{"p_under", "haircuts", "minimum"}));
  EXPECT_EQ(keys(json["portfolio"]["minimum"]), (Names{"p_breach", "quantiles"}));
  EXPECT_EQ(keys(json["portfolio"]["minimum"]["p_breach"]), (Names{"haircut", "estimate", "low", "high"}));
  EXPECT_EQ(json["portfolio"]["minimum"]["p_breach"]["haircut"], 0.15);
  ASSERT_EQ(json["portfolio"]["minimum"]["quantiles"].size(), 3u);
  EXPECT_EQ(begins(keys(json["portfolio"]["minimum"]["quantiles"][2]), 4),
            (Names{"confidence", "value", "low", "high"}));
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
  EXPECT_TRUE(json["stress"].is_null());
  EXPECT_EQ(json["notes"].size(), 0u);
  EXPECT_TRUE(json["collateral"][0]["p_breach"].is_null());
  const auto undated = show_json(filled(testing::as_book(testing::two_collaterals)));
  EXPECT_FALSE(undated["portfolio"].is_null());
  EXPECT_TRUE(undated["portfolio"]["minimum"].is_null());
}

void expect_lines_fit(const std::string& text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    EXPECT_LE(columns(line), screen_width()) << line;
    begin = end + 1;
  }
}

/// On one line, with single spaces.
std::string unwrapped(std::string text) {
  std::string out;
  for (const char c : text) {
    const char x = c == '\n' ? ' ' : c;
    if (x != ' ' || out.empty() || out.back() != ' ') out += x;
  }
  return out;
}

/// A scenario with a [margin], of which paths fail.
Results with_margin() {
  Results r = made_results(testing::as_book(testing::two_collaterals));
  r.scenario.margin = {1e6, 0.85, 4.0, 0.04, 5e4};
  for (int k = 0; k < 2; ++k) count_losses(r.tally, k, 0.01, 50, 0.9);
  seal(r, 1000);
  for (int k = 0; k < 2; ++k) r.tally.sums[r.tally.layout.shortfall_struck(k)] = std::uint64_t{40} << 24;
  return r;
}

TEST(Show, HasMarginsRatesAndCapsWhenTheyAreAskedFor) {
  const auto bare = show_json(filled());
  for (const auto& c : bare["collateral"]) {
    EXPECT_TRUE(c["risk_rate"].is_null() && c["exposure_cap"].is_null() && c["wrapped_alternative"].is_null());
    for (const auto& h : c["haircuts"])
      EXPECT_TRUE(h["required_margin"].is_null() && h["parameter_interval"].is_null());
  }
  for (const char* key : {"margin", "state", "systemic", "uncertainty"}) EXPECT_TRUE(bare[key].is_null()) << key;

  const Results r = with_margin();
  const auto json = show_json(r);
  const CollateralAnswer a = answer(r).collateral[0];
  const auto& c = json["collateral"][0];
  EXPECT_EQ(c["haircuts"][1]["required_margin"]["value"], *a.haircuts[1].margin);
  EXPECT_EQ(c["haircuts"][1]["required_margin"]["closed_form"], *a.haircuts[1].margin_closed_form);
  EXPECT_EQ(c["haircuts"][1]["capital_efficiency"]["single_chain"], *a.haircuts[1].efficiency);
  EXPECT_EQ(c["exposure_cap"]["value"], *a.exposure_cap);
  EXPECT_EQ(c["exposure_cap"]["low"], *a.exposure_cap_low);
  EXPECT_EQ(c["highest_priced_confidence"], *a.highest_priced_confidence);
  EXPECT_EQ(c["risk_rate"]["value"], *a.risk_rate->value);
  EXPECT_EQ(c["risk_rate"]["standard_error"].is_null(), !a.risk_rate->error);
  EXPECT_EQ(json["portfolio"]["haircuts"][0]["required_margin"]["value"], *answer(r).portfolio->haircuts[0].margin);
  EXPECT_EQ(json["margin"]["loss_budget"], 5e4);

  const std::string table = show_table(r, Detail::all);
  expect_lines_fit(table);
  for (const char* part : {"Required margin in USD", "85 % of its worth", "liability of 1,000,000 USD", "closed form",
                           "expected loss of 50,000 USD", "4 risk-free, 4 calls a year", "hazard a year",
                           "low and high hold all that is possible", "of single"})
    EXPECT_NE(unwrapped(table).find(part), std::string::npos) << part << " is not in\n" << table;
  const std::string without = show_table(filled(), Detail::all);
  for (const char* part : {"Required margin", "risk rate", "of wrapped", "par. low"})
    EXPECT_EQ(without.find(part), std::string::npos) << part;
}

TEST(Show, SaysWhatAHaircutBeyondTheCliffIs) {
  const Results r = with_margin();
  const CollateralAnswer a = answer(r).collateral[0];
  const std::string table = unwrapped(show_table(r, Detail::all));
  // 5 % fail: of 1 - 99 % that are one fifth, of 1 - 99.9 % one fiftieth.
  for (const char* part : {"* ETH@ethereum is beyond the cliff at 99 %, 99.9 %: its layer fails with probability 0.05,",
                           "(at 99 % what 80 % of failures take at most, at 99.9 % what 98 % of failures take at most)",
                           "which no haircut can price", "Cap the exposure instead: at most 1.11M USD (for certain"})
    EXPECT_NE(unwrapped(table).find(part), std::string::npos) << part << " is not in\n" << table;
  // 0.93 to 0.94 of all confidences are priced: rounded down, not up.
  const double priced = 100.0 * *a.highest_priced_confidence;
  EXPECT_NE(table.find(fmt::format("The highest confidence that is priced for certain is {:.1f} %.",
                                   std::floor(10.0 * priced) / 10.0)),
            std::string::npos)
      << table;
  Results unpriced = with_margin();
  unpriced.scenario.margin = {};
  EXPECT_NE(unwrapped(show_table(unpriced, Detail::all))
                .find("at most 22.2 USD for each USD of expected loss per liquidation"),
            std::string::npos)
      << show_table(unpriced, Detail::all);
}

TEST(Show, SaysWhatIntervalsHold) {
  Results r = with_margin();
  EXPECT_NE(show_json(r)["intervals"].get<std::string>().find("simulation error only"), std::string::npos);
  r.scenario.uncertainty.given = true;
  r.scenario.uncertainty.volatility = 0.05;
  r.scenario.uncertainty.correlation = 0.03;
  r.scenario.uncertainty.hazards = {{"one", "", 2.0, 30.6}};
  EXPECT_EQ(uncertainty_text(r.scenario),
            "volatility (5 %), correlation (0.03), the hazard of one (2 events in 30.6 years)");
  std::string table = unwrapped(show_table(r, Detail::all));
  EXPECT_NE(table.find("hold the simulation error only: the blocks"), std::string::npos) << table;
  EXPECT_EQ(table.find("par. low"), std::string::npos);

  BlockHaircuts blocks;
  blocks.paths = 1000;
  blocks.confidence = r.scenario.run.confidence;
  blocks.collaterals = 2;
  blocks.done = 64;
  for (int b = 0; b < 64; ++b) {
    for (int figure = 0; figure < 6; ++figure) blocks.haircut.push_back(0.1 * (figure + 1) + 0.001 * b);
  }
  r.blocks = blocks;
  // At 95 % the least and the greatest of 64 blocks are the interval: k = floor(0.025 * 65) = 1.
  const Answers all = answer(r);
  EXPECT_EQ(all.blocks, 64u);
  for (std::size_t k = 0; k < 2; ++k) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double least = 0.1 * (3.0 * static_cast<double>(k) + static_cast<double>(i) + 1.0);
      EXPECT_NEAR(*all.collateral[k].haircuts[i].parameter_low, least, 1e-12);
      EXPECT_NEAR(*all.collateral[k].haircuts[i].parameter_high, least + 0.063, 1e-12);
    }
  }
  EXPECT_NEAR(show_json(r)["collateral"][1]["haircuts"][0]["parameter_interval"]["high"].get<double>(), 0.463, 1e-12);
  table = show_table(r, Detail::all);
  expect_lines_fit(table);
  for (const char* part : {"par. low", "46.300", "from 64 blocks of paths", "(correlation: in blocks only)"})
    EXPECT_NE(unwrapped(table).find(part), std::string::npos) << part << " is not in\n" << table;
}

TEST(Show, SaysOfWhichPresentItSpeaks) {
  Results r = with_margin();
  r.scenario.state.halted = {{"arbitrum", "sequencer", 2400.0}};
  r.scenario.state.paused = {{"one", "", 3.0 * 3600.0}};
  r.scenario.state.running = {"base"};
  r.scenario.systemic.delays = 0.3;
  r.scenario.systemic.prices = {0.2};
  r.scenario.systemic.copula_dof = 4.0;
  EXPECT_EQ(state_text(r.scenario), "arbitrum halted for 40.0 min (sequencer), one paused for 3.0 h, base running");
  EXPECT_EQ(systemic_text(r.scenario),
            "stress factor with loadings delays 0.3, prices 0.2; delays with a Student copula, dof 4");
  const std::string table = show_table(r, Detail::all);
  expect_lines_fit(table);
  EXPECT_NE(table.find("\nNow: arbitrum halted for"), std::string::npos) << table;
  EXPECT_NE(table.find("\nSystemic: stress factor"), std::string::npos) << table;
  EXPECT_EQ(show_json(r)["state"], state_text(r.scenario));
  EXPECT_EQ(show_json(r)["systemic"], systemic_text(r.scenario));
}

TEST(Show, HasStagesBelowTheirRoutes) {
  Results r = with_margin();
  r.scenario.routes[0].stages[0].trigger = TriggerSpec{3600.0, 0.005};
  const std::string table = unwrapped(show_table(r, Detail::all));
  EXPECT_NE(table.find(" fast 1.0 s 1.0 s 1.0 s 1.0 s 0 relay: 60.0 min or 0.5 % and its publication 6.9 min 23.0 min "
                       "46.1 min 69.1 min slow"),
            std::string::npos)
      << table;
  EXPECT_EQ(show_json(r)["routes"][0]["stages"][0]["trigger"]["heartbeat_seconds"], 3600.0);
  EXPECT_TRUE(show_json(r)["routes"][1]["stages"][0]["trigger"].is_null());
}

TEST(Show, HasOutagesBesideDelays) {
  Results r = with_margin();
  EXPECT_EQ(show_table(r, Detail::all).find("Outages"), std::string::npos);
  EXPECT_EQ(show_json(r)["outages"].size(), 0u);
  LawSpec law;
  law.kind = LawKind::uniform;
  law.min = 0.0;
  law.max = 7200.0;
  r.scenario.layers[0].outages = {{"pause", 2.0, law}};
  const std::string table = show_table(r, Detail::all);
  expect_lines_fit(table);
  EXPECT_NE(unwrapped(table).find(" pause one 2 60.0 min 118.8 min 0.000228 "), std::string::npos) << table;
  EXPECT_EQ(show_json(r)["outages"][0]["owner"], "one");
  EXPECT_EQ(show_json(r)["outages"][0]["of"], "layer");
}

TEST(Show, LeavesOutPairsThatWereNotCounted) {
  Results r = made_results(testing::as_book(testing::two_collaterals));
  TallyLayout layout = r.tally.layout;
  layout.joint = 0;
  r.tally = Tally(layout);
  r.tally.counts[layout.under(0, 0)] = 7;
  r.tally.counts[layout.under(1, 1)] = 5;
  seal(r, 1000);
  const Answers all = answer(r);
  EXPECT_EQ(all.collateral[0].p_under.estimate, 0.007);
  EXPECT_EQ(all.collateral[1].p_under.estimate, 0.005);
  EXPECT_FALSE(all.joint_counted || all.joint_under[0][1] || all.joint_under[1][0]);
  EXPECT_EQ(all.joint_under[1][1], 0.005);
  EXPECT_TRUE(show_json(r)["joint_under"].is_null());
  EXPECT_EQ(show_table(r, Detail::all).find("under-collateralised together"), std::string::npos);
}

TEST(Show, HasBreachesBesideWhatIsLostAtTheSale) {
  setenv("COLUMNS", "120", 1);  // so that they stand on one row
  std::string text = full_scenario();
  text.replace(text.find("ETH@base"), 8, "Ether wrapped thrice – über a route with a very long name");
  Results r = made_results(text);
  seal(r, 1'000'000);
  r.tally.counts[r.tally.layout.under(0, 0)] = 1234;
  r.tally.counts[r.tally.layout.breach(0)] = 5678;
  const std::string table = show_table(r, Detail::all);
  expect_lines_fit(table);
  const std::size_t row = table.find("\n  ETH@ethereum", table.find("P(loss > in force)"));
  const std::string line = table.substr(row + 1, table.find('\n', row + 1) - row - 1);
  EXPECT_LT(line.find("0.00123 ["), line.find("0.00568 [")) << line;
  EXPECT_NE(line.find("0.00568 ["), std::string::npos) << line;
  for (const char* part : {"P(breach): the price alone", "at a grid", "the book's worst date", "P(layer fails)"})
    EXPECT_NE(unwrapped(table).find(part), std::string::npos) << part << " is not in\n" << table;
  const std::string undated = show_table(filled(testing::as_book(testing::two_collaterals)), Detail::all);
  EXPECT_EQ(undated.find("breach"), std::string::npos);
  EXPECT_EQ(undated.find("worst date"), std::string::npos);
  unsetenv("COLUMNS");
}

/// What is printed first: the haircuts last of all, each with its interval, and nothing that --all is for.
TEST(Show, EndsWithTheHaircuts) {
  Results r = with_margin();
  const Answers all = answer(r);
  const std::string table = show_table(r), whole = show_table(r, Detail::all);
  expect_lines_fit(table);
  const auto& h = all.collateral[1].haircuts;
  std::string row = "  ETH@base ";
  for (const auto& one : h) {
    row += fmt::format(" {:.2f}{} [{:.2f}, {}]", 100.0 * *one.value, one.beyond_cliff ? "*" : "", 100.0 * *one.low,
                       one.high ? percent(one.high, 2) : "-");
  }
  const std::string last = whole.substr(whole.rfind("Haircuts in % of value"));
  EXPECT_EQ(table.substr(table.rfind("Haircuts in % of value")), last) << "both end alike";
  EXPECT_NE(unwrapped(last).find(unwrapped(row)), std::string::npos) << row << " is not in\n" << last;
  EXPECT_EQ(last.find("\n\n"), std::string::npos) << "something follows the haircuts:\n" << last;
  for (const char* part : {"What haircuts are made of", "Delays from the call", "Messaging layers", "no fail."}) {
    EXPECT_EQ(table.find(part), std::string::npos) << part;
    EXPECT_NE(whole.find(part), std::string::npos) << part;
  }
  EXPECT_NE(table.find("Required margin in USD"), std::string::npos) << "the scenario asks for it";
  EXPECT_NE(table.find("--all:"), std::string::npos);
  EXPECT_LE(std::count(table.begin(), table.end(), '\n'), 45) << "with margins, policies and two cliffs";
}

/// One path after another whose message takes so long.
void count_delays(Results& r, int route, double seconds, std::uint64_t n) {
  int bin = 0;
  while (bin < delay_bins - 2 && delay_edge(bin + 1) <= seconds * ticks_per_second) ++bin;
  r.tally.counts[r.tally.layout.delay(route) + std::size_t(bin)] += n;
}

/// A result of Student-t shocks whose two routes have these median delays.
Results with_delays(const std::string& market, double fast, double slow) {
  Results r = made_results(testing::market_with(testing::two_collaterals, market));
  count_delays(r, 0, fast, 1000);
  count_delays(r, 1, slow, 1000);
  seal(r, 1000);
  return r;
}
std::string note_of(const Results& r) { return tail_note(r, answer(r)); }

TEST(Notes, SayWhenTailsWereFittedAtAnotherHorizon) {
  const std::string fitted = "innovation = { kind = \"student_t\", dof = 4.1, horizon = \"1h\" }";
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const double hour = 3600.0;
  for (const double delay : {hour / 2.9, hour, 2.9 * hour})
    EXPECT_EQ(note_of(with_delays(fitted, delay, delay)), "") << delay;

  const Results longer = with_delays(fitted, hour, 5.1 * hour);
  std::string note = note_of(longer);
  const std::string median = rounded_duration(*answer(longer).routes[1].p50);
  EXPECT_TRUE(has(note, "fitted at 1h") && has(note, "route slow is " + median) && !has(note, "fast")) << note;
  EXPECT_TRUE(has(note, "too large") && has(note, "fit at a horizon near 2h")) << note;
  EXPECT_EQ(show_json(longer)["notes"][0], note);
  EXPECT_TRUE(has(show_table(longer, Detail::all), "\n- the degrees of freedom were fitted at 1h"));
  expect_lines_fit(show_table(longer, Detail::all));

  note = note_of(with_delays(fitted, 5.1 * hour, 5.1 * hour));
  EXPECT_TRUE(has(note, "fit at a horizon near 5h") && has(note, "route fast is") && has(note, "of slow is")) << note;
  EXPECT_FALSE(has(note, "once for each")) << note;
  note = note_of(with_delays(fitted, hour / 6, hour / 6));
  EXPECT_TRUE(has(note, "too small") && has(note, "fit at a horizon near 10m")) << note;
  note = note_of(with_delays(fitted, 60.0, 24 * hour));
  EXPECT_TRUE(has(note, "too small for shorter delays and too large for longer") && has(note, "once for each")) << note;

  // A message that takes longer than the horizon in most cases is as late as the horizon at least.
  Results never = made_results(testing::market_with(testing::two_collaterals, fitted));
  never.tally.counts[never.tally.layout.delay(0) + delay_bins - 1] = 1000;
  count_delays(never, 1, hour, 1000);
  seal(never, 1000);
  EXPECT_TRUE(has(note_of(never), "route fast is 30.0 d")) << note_of(never);
}

TEST(Notes, AreSilentWhereTheHorizonPlaysNoPart) {
  const auto note = [](const std::string& market) { return note_of(with_delays(market, 60.0, 86400.0)); };
  EXPECT_NE(note("innovation = { kind = \"student_t\", dof = 4.1, horizon = \"1h\" }"), "");
  EXPECT_EQ(note("innovation = { kind = \"student_t\", dof = 4.1 }"), "") << "nobody said where it comes from";
  EXPECT_EQ(note("innovation = \"gaussian\""), "");
  EXPECT_EQ(note("innovation = { kind = \"student_t\", dof = 4.1, horizon = \"1h\" }\n"
                 "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0.05, beta = 0.9 }"),
            "")
      << "shocks of a bar, whatever the delay";
  // A route that carries no collateral may take as long as it likes.
  std::string text = testing::market_with(testing::two_collaterals,
                                          "innovation = { kind = \"student_t\", dof = 4.1, horizon = \"1h\" }");
  text.replace(text.rfind("route = \"slow\""), 14, "route = \"fast\"");
  Results r = made_results(text);
  count_delays(r, 0, 3600.0, 1000);
  count_delays(r, 1, 7 * 86400.0, 1000);
  seal(r, 1000);
  EXPECT_EQ(note_of(r), "");
}

TEST(Notes, SayWhatIsStressed) {
  Results r = made_results(std::string(testing::two_collaterals) +
                           "[stress]\nvolatility = 1.5\ncorrelation = 0.25\ndrift = -0.5\ndepth = 4\ndelays = 3\n"
                           "hazards = 10\nshocks = [ { asset = \"ETH\", at = \"10m\", size = -0.2 } ]\n");
  seal(r, 1000);
  EXPECT_EQ(
      stress_text(r.scenario),
      "volatility times 1.5, correlation 0.25 of the way to 1, drift -0.5 a year, depth divided by 4, delays times 3, "
      "hazards times 10, ETH -20 % at 10.0 min");
  EXPECT_EQ(show_json(r)["stress"], stress_text(r.scenario));
  const std::string table = show_table(r, Detail::all);
  EXPECT_NE(table.find("\nStressed: volatility times 1.5, "), std::string::npos) << table;
  expect_lines_fit(table);
  Results calm = made_results(std::string(testing::two_collaterals) + "[stress]\nvolatility = 1.0\n");
  seal(calm, 1000);
  EXPECT_EQ(stress_text(calm.scenario), "");
  EXPECT_EQ(show_table(calm, Detail::all).find("Stressed"), std::string::npos);
}

TEST(Notes, NameTheFileAndTheWindowOfAReplay) {
  const Folder folder;
  std::string prices = "timestamp_utc,ETH\n";
  for (int hour = 0; hour < 24; ++hour) prices += fmt::format("2020-03-12T{:02}:00:00Z,{}\n", hour, 200.0 - 3.0 * hour);
  spill(folder.path / "crash.csv", prices);
  const auto replayed = [&](const std::string& window) {
    std::string text = testing::two_collaterals;
    text.replace(text.find("seed = 7"), 8, "seed = 7\nhorizon = \"3h\"");
    text += fmt::format("[stress]\nreplay = {{ file = \"{}\", {} }}\n", (folder.path / "crash.csv").string(), window);
    Results r = made_results(text);
    seal(r, 1000);
    return r;
  };
  const Results fixed = replayed("start = \"2020-03-12T06:00:00Z\"");
  EXPECT_EQ(stress_text(fixed.scenario), "the prices of crash.csv from 2020-03-12T06:00:00Z to 2020-03-12T09:00:00Z");
  EXPECT_NE(show_table(fixed, Detail::all).find("\nStressed: the prices of crash.csv from"), std::string::npos);
  EXPECT_EQ(
      stress_text(
          replayed("start = \"random\", from = \"2020-03-12T04:00:00Z\", to = \"2020-03-12T12:00:00Z\"").scenario),
      "the prices of crash.csv from a random row on (5 of them, between 2020-03-12T04:00:00Z and 2020-03-12T12:00:00Z)")
      << "rows of 4 to 11 o'clock, of which three must follow";
  EXPECT_EQ(stress_text(replayed("start = \"random\"").scenario),
            "the prices of crash.csv from a random row on (21 of them, between its beginning and its end)");
}

TEST(Show, FitsATerminalAndSaysWhatMatters) {
  std::string text = testing::two_collaterals;
  text.replace(text.find("ETH@base"), 8, "Ether wrapped thrice – über a route with a very long name");
  Results r = made_results(text);
  count_losses(r.tally, 0, 0.01, 50, 0.9);
  seal(r, 1000);
  r.tally.counts[r.tally.layout.unresolved()] = 3;
  const std::string table = show_table(r, Detail::all);
  expect_lines_fit(table);
  for (const char* part : {"per liquidation", "simulation error only", "beyond the cliff at 99 %, 99.9 %", "On 3 paths",
                           "Run more paths", "Ether wrapped thrice – über a route with a very long name"}) {
    EXPECT_NE(unwrapped(table).find(part), std::string::npos) << part << " is not in\n" << table;
  }
}

}  // namespace
}  // namespace proofload

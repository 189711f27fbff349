// Images of a result that are damaged or made to do harm, each with the checksums that it needs to be looked at: what
// reads them answers or refuses, and nothing else. Image N of a seed is the same on every machine.
//   hostile_results read FILE SEED COUNT FOLDER        reads COUNT images in process; those that are not refused or
//                                                      answered are left in FOLDER
//   hostile_results write FILE SEED COUNT FOLDER       writes them, for commands
#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "answers/answer.h"
#include "answers/compare.h"
#include "answers/result_file.h"
#include "answers/show.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json_number.h"
#include "feed/export.h"

// HDF5's own sums of its metadata; its library has it, its headers do not say so.
extern "C" std::uint32_t H5_checksum_metadata(const void* data, std::size_t length, std::uint32_t start);

namespace proofload {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view trailer_tag = "\nproofload-xxh3-128 ";
constexpr std::array<std::string_view, 11> structures = {"OHDR", "OCHK", "GCOL", "FRHP", "FHDB", "FHIB",
                                                         "BTHD", "BTLF", "BTIN", "TREE", "FSHD"};

/// splitmix64
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(next() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
};

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const fs::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string with_trailer(std::string image) {
  const std::string hash = Hash().feed(std::as_bytes(std::span(image))).text();
  return image.append(trailer_tag).append(hash).append("\n");
}

/// Where HDF5's structures begin in the image.
std::vector<std::size_t> places_of(const std::string& image) {
  std::vector<std::size_t> places = {0};
  for (const std::string_view name : structures)
    for (auto at = image.find(name); at != std::string::npos; at = image.find(name, at + 1)) places.push_back(at);
  return places;
}

/// Object headers have a sum behind them, which finds damage before anything is believed: whoever means harm mends it.
void mend_sums(std::string& image) {
  for (auto at = image.find("OHDR"); at != std::string::npos; at = image.find("OHDR", at + 4)) {
    if (at + 8 > image.size()) return;
    const auto flags = static_cast<unsigned char>(image[at + 5]);
    std::size_t head = 6;
    if ((flags & 0x20u) != 0) head += 16;
    if ((flags & 0x10u) != 0) head += 4;
    const std::size_t width = std::size_t{1} << (flags & 3u);
    if (at + head + width > image.size()) continue;
    std::uint64_t size = 0;
    std::memcpy(&size, image.data() + at + head, width);
    head += width;
    if (size > image.size() || at + head + size + 4 > image.size()) continue;
    const std::uint32_t sum = H5_checksum_metadata(image.data() + at, head + size, 0);
    std::memcpy(image.data() + at + head + size, &sum, sizeof sum);
  }
}

/// Sums behind continuations, heaps and trees end where the next structure begins, or near: all that may be one is
/// tried by the caller's choice of `end`.
void mend_sum_at(std::string& image, std::size_t begin, std::size_t end) {
  if (end < begin + 8 || end > image.size()) return;
  const std::uint32_t sum = H5_checksum_metadata(image.data() + begin, end - begin - 4, 0);
  std::memcpy(image.data() + end - 4, &sum, sizeof sum);
}

/// Where the sum behind a structure of the good image ends; 0 when it has none.
std::size_t end_of_sum(const std::string& image, std::size_t begin) {
  for (std::size_t end = begin + 8; end <= std::min(image.size(), begin + 8192); ++end) {
    std::uint32_t sum = 0;
    std::memcpy(&sum, image.data() + end - 4, sizeof sum);
    if (sum != 0 && sum == H5_checksum_metadata(image.data() + begin, end - begin - 4, 0)) return end;
  }
  return 0;
}

struct Base {
  std::string image;
  std::vector<std::size_t> places;
  std::map<std::size_t, std::size_t> sums;  ///< structures whose sum ends there

  explicit Base(std::string bytes) : image(std::move(bytes)) {
    const auto at = image.rfind(trailer_tag);
    if (at != std::string::npos) image.resize(at);
    places = places_of(image);
    for (const std::size_t place : places)
      if (const std::size_t end = place == 0 ? 0 : end_of_sum(image, place)) sums[place] = end;
  }
};

std::string hostile(const Base& base, std::uint64_t seed, std::uint64_t number) {
  Random random{(seed << 32) ^ number};
  std::string image = base.image;
  const auto somewhere = [&] {  // most of an image is compressed numbers, in which damage does little
    if (random.one_in(5)) return random.below(image.size());
    return std::min(image.size() - 1,
                    base.places[random.below(base.places.size())] + random.below(random.one_in(4) ? 4096 : 128));
  };
  const std::size_t changes = 1 + (random.one_in(3) ? 0 : random.below(24));
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t at = somewhere(), length = std::min(image.size() - at, 1 + random.below(64));
    switch (random.below(7)) {
      case 0: image[at] = static_cast<char>(image[at] ^ (1 << random.below(8))); break;
      case 1: image[at] = static_cast<char>(random.next()); break;
      case 2: {  // a length or an address
        constexpr std::array<std::uint64_t, 8> odd = {
            0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, ~std::uint64_t{0}, 1ull << 63};
        const std::uint64_t value = random.one_in(3) ? random.below(image.size()) : odd[random.below(odd.size())];
        std::memcpy(image.data() + at, &value,
                    std::min<std::size_t>(image.size() - at, std::size_t{1} << random.below(4)));
        break;
      }
      case 3: image.replace(at, length, length, static_cast<char>(random.one_in(2) ? 0 : 0xff)); break;
      case 4: {  // a piece of it elsewhere
        const std::size_t from = somewhere();
        image.replace(at, length, image.substr(from, std::min(length, image.size() - from)));
        break;
      }
      case 5:
        if (random.one_in(4)) image.insert(at, std::string(length, static_cast<char>(random.next())));
        break;
      default:
        if (random.one_in(8)) image.resize(std::max<std::size_t>(at, 8));
        break;
    }
    if (image.size() < 16) break;
  }
  if (!random.one_in(4)) {
    if (image.size() == base.image.size())
      for (const auto& [begin, end] : base.sums) mend_sum_at(image, begin, end);
    if (random.one_in(2)) mend_sums(image);
  }
  return random.one_in(10) ? image : with_trailer(std::move(image));
}

// ---- commands -------------------------------------------------------------------------------------------------------

std::string current, current_name;  // what a crash of this process leaves behind

extern "C" void on_crash(int number) {
  std::signal(number, SIG_DFL);
  const int out = ::creat(current_name.c_str(), 0644);
  if (out >= 0 && ::write(out, current.data(), current.size()) >= 0) ::close(out);
  std::raise(number);
}

/// What comes of a file: its answers as every command works them out, if they are asked for, or an error.
std::string outcome(const fs::path& file, bool asked, const Results& good, const fs::path& exported) {
  try {
    const Results r = read_results(file);
    if (!asked) return "answered";
    show_table(r), json_text(show_json(r));
    compare_table(compare({good, r}, {"good", "bad"}));
    export_haircuts(r, "generic", exported);
    return "answered";
  } catch (const Error& e) {
    if (e.cause == Cause::machine) throw;
    const std::string text = e.what();
    if (text.find("HDF5 crashed") != std::string::npos) return "refused: HDF5 crashed";
    if (text.find("come to an end") != std::string::npos) return "refused: HDF5 did not end";
    return "refused";
  }
}

int read(const fs::path& file, std::uint64_t seed, std::uint64_t count, const fs::path& folder) {
  const Base base(slurp(file));
  const Results good = read_results(file);
  const fs::path image = folder / fmt::format("image-{}.h5", seed),
                 exported = folder / fmt::format("out-{}.json", seed);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(number, on_crash);
  std::map<std::string, std::uint64_t> outcomes;
  std::uint64_t failed = 0;
  for (std::uint64_t n = 0; n < count; ++n) {
    current = hostile(base, seed, n);
    current_name = folder / fmt::format("failing-{}-{}.h5", seed, n);
    spill(image, current);
    try {
      ++outcomes[outcome(image, n % 16 == 0, good, exported)];  // answers take ten times as long as reading
    } catch (const std::exception& e) {
      fmt::print("image {} of seed {}: {}\n", n, seed, e.what());
      spill(current_name, current);
      ++failed;
    }
  }
  fs::remove(image);
  fs::remove(exported);
  for (const auto& [what, how_often] : outcomes) fmt::print("{} {}\n", how_often, what);
  fmt::print("{} failed\n", failed);
  return failed == 0 ? 0 : 1;
}

int write(const fs::path& file, std::uint64_t seed, std::uint64_t count, const fs::path& folder) {
  const Base base(slurp(file));
  for (std::uint64_t n = 0; n < count; ++n) spill(folder / fmt::format("{}-{}.h5", seed, n), hostile(base, seed, n));
  return 0;
}

}  // namespace
}  // namespace proofload

int main(int argc, char** argv) {
  using namespace proofload;
  const std::string what = argc > 2 ? argv[1] : "";
  if (argc == 6 && what == "read") return read(argv[2], std::stoull(argv[3]), std::stoull(argv[4]), argv[5]);
  if (argc == 6 && what == "write") return write(argv[2], std::stoull(argv[3]), std::stoull(argv[4]), argv[5]);
  fmt::print(stderr, "hostile_results read FILE SEED COUNT FOLDER | write FILE SEED COUNT FOLDER\n");
  return 2;
}

#include "base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <new>

namespace proofload {

void Hash::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

Hash::Hash() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

Hash& Hash::feed(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  return *this;
}

Hash& Hash::feed(std::span<const std::uint64_t> numbers) {
  std::array<std::byte, 8192> bytes;
  while (!numbers.empty()) {
    const std::size_t part = std::min(numbers.size(), bytes.size() / 8);
    for (std::size_t i = 0; i < part; ++i) {
      for (std::size_t b = 0; b < 8; ++b) bytes[8 * i + b] = static_cast<std::byte>(numbers[i] >> (8 * b));
    }
    feed(std::span<const std::byte>(bytes).first(8 * part));
    numbers = numbers.subspan(part);
  }
  return *this;
}

std::string Hash::text() const {
  const XXH128_hash_t h = XXH3_128bits_digest(state_.get());
  return fmt::format("{:016x}{:016x}", h.high64, h.low64);
}

std::uint64_t name_hash(const std::string& name) { return XXH3_64bits(name.data(), name.size()); }

}  // namespace proofload

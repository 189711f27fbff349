/// hash.h -- names of problems and answers: XXH3, 128 bits (Collet), the same text on every machine.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

namespace proofload {

class Hash {
 public:
  Hash();
  Hash& feed(std::span<const std::byte> bytes);
  Hash& feed(std::span<const std::uint64_t> numbers);  ///< as little-endian bytes
  std::string text() const;                            ///< 32 hex digits of all that was fed

 private:
  struct Free {
    void operator()(XXH3_state_s*) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// 64 bits of a name, for addresses of random numbers.
std::uint64_t name_hash(const std::string& name);

}  // namespace proofload

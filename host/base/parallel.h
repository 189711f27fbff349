/// parallel.h -- independent pieces of work on a few threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"

namespace proofload {

/// Calls body(0) .. body(threads - 1), each on a thread of its own (a single one on the caller's); the first exception
/// is thrown on to the caller. Throws Error when the system has no more threads.
template <class Body>
void on_threads(int threads, const Body& body) {
  if (threads == 1) return body(0);
  std::vector<std::exception_ptr> failed(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> team;
    try {
      for (int t = 0; t < threads; ++t) {
        team.emplace_back([&body, &failed, t] {
          try {
            body(t);
          } catch (...) { failed[static_cast<std::size_t>(t)] = std::current_exception(); }
        });
      }
    } catch (const std::system_error&) {
      const std::string started = std::to_string(team.size());
      throw Error("cannot start " + std::to_string(threads) + " threads (the system allows " + started +
                      " of them now) run with --threads " + (team.empty() ? "1" : started),
                  Cause::machine);
    }
  }
  for (const auto& e : failed) {
    if (e) std::rethrow_exception(e);
  }
}

/// Calls work(0) ... work(count - 1), each once, on at most `threads` threads; after an exception no new work is begun,
/// and it is thrown on to the caller.
template <class Work>
void for_each_parallel(std::size_t count, int threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto loop = [&](int) {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        next = count;
        throw;
      }
    }
  };
  const std::size_t team = std::min(count, static_cast<std::size_t>(std::max(threads, 1)));
  on_threads(static_cast<int>(team), loop);
}

}  // namespace proofload

/// transfers.h -- messages that were sent, one a row of a CSV file: when, how long each took, and whether it arrived.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proofload {

/// Which column holds what; `status` and `group` may be empty.
struct TransferColumns {
  std::string time, delay, status, group;
  bool any_time = false;  ///< also before 1990 and after tomorrow
};

/// {"time=sent_at", "delay=seconds", "status=ok"} -> the columns; throws Error naming `option` for anything else.
TransferColumns transfer_columns(const char* option, const std::vector<std::string>& texts);

struct Transfer {
  std::int64_t sent = 0;  ///< seconds since 1970 UTC
  double delay = 0.0;     ///< seconds; of one that did not arrive the time for which it was watched
  bool delivered = true;
  std::size_t group = 0;
};

struct Transfers {
  std::string file;
  std::vector<Transfer> rows;
  std::vector<std::string> groups;  ///< values of the group column; one, "", without such a column
};

/// Times as price files write them (prices.h), delays and status as a law of delays reads them from a file
/// (law_reader.h): seconds, and 1, true, delivered, success or ok for what arrived. An empty delay of what did not
/// arrive is 0: nothing is known of it. Throws Error naming file and line.
Transfers read_transfers(const std::filesystem::path& file, const TransferColumns&);

}  // namespace proofload

/// options.h -- what commands share on the command line: checked values, options that several have, and where output
/// goes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "run/backend.h"
#include "run/results.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace proofload {

/// A count as people write it: digits only, because a conversion would take -1 for 2^64 - 1 and nothing for 0.
CLI::Validator digits();
/// Refuses an empty value, saying `otherwise`.
CLI::Validator named(const char* otherwise = "no file is named");

/// --backend, --threads and --lanes.
void add_backend(CLI::App&, BackendOptions&);
/// --threads alone. 0: as many as cores.
void add_threads(CLI::App&, int& threads);
void add_seed(CLI::App&, Overrides&);
/// --prices: a price file in place of the one that a scenario's replay names.
void add_prices(CLI::App&, Overrides&);

/// --as-of: the time at which a result is used. time_of_use: in seconds since 1970 UTC, the clock's where it was not
/// given. Throws Error for what is no time.
void add_as_of(CLI::App&, std::string& text);
std::int64_t time_of_use(const std::string& text);

/// Throws Error where --from is not before --to.
void check_range(std::int64_t from, std::int64_t to);

/// --stamps: whether times in price files are those at which bars open, or close (as they do unless it is said).
/// stamps_open: of its value. Throws Error for another word.
void add_stamps(CLI::App&, std::string& text);
bool stamps_open(const std::string& text);

/// Seconds of "20m", above 0: days, hours, minutes, seconds and, for look-backs, years of 365 days. Throws Error,
/// naming the option.
double duration_given(const std::string& option, const std::string& text);

/// A file that a command is asked to write, looked at before the work and not after it. Nothing for an option that was
/// not given (""). Throws Error when the name does not end in `ending` (".json"), since a slip would write over the
/// scenario, or when its folder is not there.
void check_output_name(const char* option, const std::string& file, const std::string& ending);

/// --all: every table of a result, not what a person came for alone.
void add_all(CLI::App&, bool& all);

/// --force: what is in the way may be replaced.
void add_force(CLI::App&, bool& force);
inline constexpr std::string_view json_mark = "\"engine\": \"proofload ";  ///< require_ours: every JSON file of ours

/// Says on standard error what the exception that is being caught is about, behind `of`; answers the exit status.
int tell_exception(const std::string& of = "");

/// Says on standard error that the file of a result has no checksum, where it has none.
void tell_of_checksum(const Results&, const std::string& file);

/// Exit statuses besides 0, 1 (a finding) and 128 + a signal's number.
inline constexpr int exit_input = 2, exit_some_failed = 3, exit_machine = 4;
inline int status_of(const Error& e) { return e.cause == Cause::machine ? exit_machine : exit_input; }

/// To standard output, flushed, so that it stands before what stderr says next; a newline is put where the text does
/// not end in one. Throws Error when it cannot be written.
void print(const std::string& text);

}  // namespace proofload

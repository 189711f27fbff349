#include "commands/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <system_error>

#include "answers/notes.h"
#include "answers/validity.h"
#include "base/error.h"
#include "base/tell.h"
#include "input/times.h"
#include "scenario/reader.h"

namespace proofload {

CLI::Validator digits() {
  return CLI::Validator(
      [](std::string& text) {
        const bool fine =
            !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == std::string::npos;
        return fine ? std::string() : fmt::format("'{}' is not a whole number", text);
      },
      "", "digits");
}

CLI::Validator named(const char* otherwise) {
  return CLI::Validator([otherwise](std::string& name) { return std::string(name.empty() ? otherwise : ""); }, "");
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "CPU threads (default: every core it may use)");
}

void add_backend(CLI::App& app, BackendOptions& options) {
  app.add_option("--backend", options.backend, "auto, cpu or cuda (auto: a GPU if there is one)");
  add_threads(app, options.threads);
  app.add_option("--lanes", options.lanes, "auto, scalar, avx2 or avx512: the same bits");
}

void add_seed(CLI::App& app, Overrides& overrides) {
  app.add_option("--seed", overrides.seed, "seed instead of the scenario's")->check(digits());
}

void add_prices(CLI::App& app, Overrides& overrides) {
  app.add_option_function<std::string>(
         "--prices", [&overrides](const std::string& name) { overrides.prices = name; },
         "CSV of prices for the replay, not the scenario's")
      ->check(named())
      ->type_name("FILE");
}

void add_as_of(CLI::App& app, std::string& text) {
  app.add_option("--as-of", text, "when it is used, in place of now: 2026-06-30T12:00:00Z")
      ->check(named("no time is given"));
}

std::int64_t time_of_use(const std::string& text) { return text.empty() ? seconds_now() : parse_time(text); }

void check_range(std::int64_t from, std::int64_t to) {
  if (from >= to) throw Error("--from is not before --to (nothing lies between them) swap them");
}

void add_stamps(CLI::App& app, std::string& text) {
  app.add_option("--stamps", text, "bars bear the time of their opening, or closing");
}

bool stamps_open(const std::string& text) {
  if (text == "opening") return true;
  if (text == "closing") return false;
  throw Error(
      fmt::format("--stamps {} (a bar's time is that of its opening or that of its closing) write opening, as "
                  "Binance has it, or closing",
                  in_quotes(text)));
}

double duration_given(const std::string& option, const std::string& text) {
  const auto seconds = parse_duration(text, true);
  if (!seconds || !(*seconds > 0.0) || !(*seconds < 3.2e9)) {
    throw Error(
        fmt::format("{} {} (a duration is a number above zero followed by s, m, h, d or y, or several of them) "
                    "write {} 1h, say",
                    option, text, option));
  }
  return *seconds;
}

void check_output_name(const char* option, const std::string& file, const std::string& ending) {
  if (file.empty()) return;
  const std::filesystem::path path = file;
  if (path.extension() != ending)
    throw Error(fmt::format("{} {} (the name does not end in {}, and a file there would be replaced) write {} {}{}",
                            option, file, ending, option, path.stem().string(), ending));
  const auto folder = path.parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    throw Error(
        fmt::format("{} cannot be written (there is no folder {}) create the folder first", file, folder.string()));
}

void add_all(CLI::App& app, bool& all) { app.add_flag("--all", all, "every table, and the haircuts after them"); }

void add_force(CLI::App& app, bool& force) { app.add_flag("--force", force, "replace what is in the way"); }

void tell_of_checksum(const Results& results, const std::string& file) {
  if (const std::string text = checksum_text(results); !text.empty())
    tell(fmt::format("{}: checksum {}\n", file, text));
}

int tell_exception(const std::string& of) {
  const std::string head = of.empty() ? of : of + ": ";
  try {
    throw;
  } catch (const Error& e) {
    tell(fmt::format("{}{}\n", head, e.what()));
    return status_of(e);
  } catch (const std::bad_alloc&) {
    tell(head + "out of memory (the scenario's counters do not fit) use fewer threads or collaterals\n");
    return exit_machine;
  } catch (const std::exception& e) {
    tell(fmt::format(
        "{}unexpected failure: {} (this is a mistake of ours) please report it with the command and the scenario\n",
        head, e.what()));
    return exit_input;
  }
}

void print(const std::string& said) {
  const std::string text = harmless(said);
  const bool newline = text.empty() || text.back() != '\n';
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && (!newline || std::fputc('\n', stdout) != EOF);
  if (!written || std::fflush(stdout) != 0) {
    throw Error(fmt::format("cannot write to standard output ({}) send it elsewhere", std::strerror(errno)),
                Cause::machine);
  }
}

}  // namespace proofload

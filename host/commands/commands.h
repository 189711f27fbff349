/// commands.h -- the command line: one table row per command (commands.cpp), each with a file of its own or, where it
/// is short, there.
#pragma once

namespace CLI {
class App;
}

namespace proofload {

/// Parses the arguments and runs one command. Exit status: 0 ok, 1 a finding, 2 an error, which is printed to stderr.
int run_command_line(int argc, char** argv);

// Each gives a command its options, and what it does when it is called: that sets `status`.
void add_run(CLI::App&, int& status);
void add_fit(CLI::App&, int& status);
void add_backtest(CLI::App&, int& status);
void add_sensitivity(CLI::App&, int& status);
void add_frontier(CLI::App&, int& status);
void add_list(CLI::App&, int& status);
void add_bench(CLI::App&, int& status);

}  // namespace proofload

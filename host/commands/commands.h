/// commands.h -- the command line: one table row per command (commands.cpp).
#pragma once

namespace proofload {

/// Parses the arguments and runs one command. Exit status: 0 ok, 1 a finding, 2 an error, which is printed to stderr.
int run_command_line(int argc, char** argv);

}  // namespace proofload

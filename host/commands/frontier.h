/// frontier_command.h -- `proofload frontier`: the same collateral over many mechanisms, on the command line.
#pragma once

namespace CLI {
class App;
}

namespace proofload {

void add_frontier(CLI::App&, int& status);

}  // namespace proofload

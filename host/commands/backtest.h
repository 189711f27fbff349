/// backtest_command.h -- `proofload backtest`: models against a price history, on the command line.
#pragma once

namespace CLI {
class App;
}

namespace proofload {

void add_backtest(CLI::App&, int& status);

}  // namespace proofload

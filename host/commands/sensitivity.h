/// sensitivity_command.h -- `proofload sensitivity`: what moves the haircuts of a scenario.
#pragma once

namespace CLI {
class App;
}

namespace proofload {

void add_sensitivity(CLI::App&, int& status);

}  // namespace proofload

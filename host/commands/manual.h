/// manual.h -- the manual in other forms than --help: a man page and completions for shells, written from the same
/// commands and options.
#pragma once
#include <string>

namespace CLI {
class App;
}

namespace proofload {

/// proofload.1, in roff: every command, option and example of the program.
std::string manual_page(const CLI::App& program);

/// A script that completes commands, options and file names; for bash, zsh or fish. Throws Error for another shell.
std::string completion_script(const CLI::App& program, const std::string& shell);

/// `help`: what --help says of the program or of a command; and, hidden, --man and --completion for those who install.
void add_help(CLI::App&, int& status);

}  // namespace proofload

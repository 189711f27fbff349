/// manual.h -- the manual in other forms than --help: a man page and completions for shells, written from the same
/// commands and options.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class FormatterBase;
}  // namespace CLI

namespace proofload {

/// Help that fits the screen, with so many columns for the names of options or commands.
std::shared_ptr<CLI::FormatterBase> help_formatter(std::size_t width);

/// The options of a command, as they are typed: "-o", "--output".
std::vector<std::string> flags_of(const CLI::App& command);

/// proofload.1, in roff: every command, option and example of the program.
std::string manual_page(const CLI::App& program);

/// A script that completes commands, options and file names; for bash, zsh or fish. Throws Error for another shell.
std::string completion_script(const CLI::App& program, const std::string& shell);

/// `help`: what --help says of the program or of a command; and, hidden, --man and --completion for those who install.
void add_help(CLI::App&, int& status);

}  // namespace proofload

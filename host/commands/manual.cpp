#include "commands/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/screen.h"
#include "base/suggestion.h"
#include "base/version.h"
#include "base/words.h"
#include "commands/options.h"

namespace proofload {
namespace {

using std::string, std::string_view, std::vector;

/// `with` in place of each of the characters, '&' in it being the character.
string escaped(string_view text, string_view characters, string_view with) {
  string out;
  for (const char c : text) {
    if (characters.find(c) == string_view::npos) {
      out += c;
      continue;
    }
    for (const char w : with) out += w == '&' ? c : w;
  }
  return out;
}

/// An option or a positional argument, as it is shown to people.
struct Argument {
  vector<string> flags;  ///< "-o", "--output"; of a positional argument its name
  string value;          ///< what follows it; empty for a flag
  string description;
  bool positional = false;
};

vector<Argument> arguments_of(const CLI::App& command) {
  vector<Argument> all;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;
    Argument a;
    a.description = escaped(option->get_description(), "\n", " ");
    a.positional = option->get_positional();
    if (a.positional) {
      a.flags = {option->get_name(true)};
    } else {
      for (const string& name : option->get_snames()) a.flags.push_back("-" + name);
      for (const string& name : option->get_lnames()) a.flags.push_back("--" + name);
      const string type = option->get_type_name();
      if (option->get_expected_max() > 0) a.value = type.empty() ? "VALUE" : type;
    }
    all.push_back(std::move(a));
  }
  return all;
}

vector<const CLI::App*> commands_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
}

std::size_t help_room(std::size_t before) {
  const std::size_t width = std::min(screen_width(), widest_text);
  return width > before + 24 ? width - before : 24;
}

/// Help that fits the screen: descriptions are wrapped beside their options.
class Help : public CLI::Formatter {
 public:
  explicit Help(std::size_t width) { column_width(width); }
  string make_option_desc(const CLI::Option* option) const override {
    return beside(escaped(option->get_description(), "\n", " "), get_column_width());
  }
  string make_subcommand(const CLI::App* command) const override {
    return "  " + padded_right(command->get_name(), get_column_width() - 2) +
           beside(command->get_description(), get_column_width(), string(get_column_width(), ' ')) + "\n";
  }
  string make_description(const CLI::App* app) const override { return wrapped(app->get_description(), 0); }

 private:
  /// In lines that fit beside the options; CLI11 indents them.
  static string beside(const string& text, std::size_t before, const string& indent = {}) {
    const std::size_t room = help_room(before);
    string out;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = text.size();
      if (end - at > room) {
        end = text.rfind(' ', at + room);
        if (end == string::npos || end <= at) end = std::min(text.find(' ', at), text.size());
      }
      out += (at == 0 ? "" : "\n" + indent) + text.substr(at, end - at);
      at = end + 1;
    }
    return out;
  }
};

// ---- the man page ---------------------------------------------------------------------------------------------------

/// Text of a man page: a hyphen that can be copied, no backslash and no line that would be read as a request.
string roff(string_view text) {
  const string plain = escaped(escaped(text, "\\", "\\e"), "-", "\\-");
  string out;
  for (const char c : plain) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    out += c;
  }
  return out;
}

string roff_arguments(const CLI::App& command) {
  string out;
  for (const Argument& a : arguments_of(command)) {
    string flags;
    for (const string& flag : a.flags)
      flags += (flags.empty() ? "" : ", ") + string(a.positional ? "\\fI" : "\\fB") + roff(flag) + "\\fR";
    if (!a.value.empty()) flags += " \\fI" + roff(a.value) + "\\fR";
    out += fmt::format(".TP\n{}\n{}\n", flags, roff(a.description));
  }
  return out;
}

string roff_synopsis(const CLI::App& command) {
  string out = "\\fBproofload " + roff(command.get_name()) + "\\fR [\\fIOPTIONS\\fR]";
  for (const Argument& a : arguments_of(command))
    if (a.positional) out += " \\fI" + roff(a.flags[0]) + "\\fR";
  return out;
}

// ---- completions ----------------------------------------------------------------------------------------------------

string command_names(const CLI::App& program) {
  string names;
  for (const CLI::App* command : commands_of(program)) names += (names.empty() ? "" : " ") + command->get_name();
  return names;
}

string bash_words(const CLI::App& command) {
  string words;
  for (const Argument& a : arguments_of(command))
    for (const string& flag : a.flags)
      if (!a.positional) words += (words.empty() ? "" : " ") + flag;
  return words;
}

string bash_script(const CLI::App& program) {
  string cases;
  for (const CLI::App* command : commands_of(program))
    cases += fmt::format("    {}) options='{}' ;;\n", command->get_name(), bash_words(*command));
  return fmt::format(R"(# bash completion of proofload, written by `proofload help --completion bash`
_proofload() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} commands='{}' options='{}'
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$commands $options" -- "$word")
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}    *) options= ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [[ ${{COMP_WORDS[1]}} == help ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _proofload proofload
)",
                     command_names(program), bash_words(program), cases);
}

/// Inside single quotes: they end, a quoted one follows, they begin again.
string single_quoted(string_view text) { return "'" + escaped(text, "'", "'\\&'").append("'"); }

string zsh_arguments(const CLI::App& command, const char* indent) {
  string out;
  for (const Argument& a : arguments_of(command))
    for (const string& flag : a.flags) {
      if (a.positional) continue;
      const string help = escaped(a.description, "[]:\\", "\\&");
      out += " \\\n" + string(indent) +
             single_quoted(fmt::format("{}[{}]{}", flag, help, a.value.empty() ? "" : ":value:_files"));
    }
  return out;
}

string zsh_script(const CLI::App& program) {
  string described, cases;
  for (const CLI::App* command : commands_of(program)) {
    described +=
        "    " + single_quoted(command->get_name() + ":" + escaped(command->get_description(), ":\\", "\\&")) + "\n";
    cases += fmt::format("    {}) _arguments{} \\\n        '*: :{}' ;;\n", command->get_name(),
                         zsh_arguments(*command, "        "),
                         command->get_name() == "help" ? "(" + command_names(program) + ")" : "_files");
  }
  return fmt::format(R"(#compdef proofload
# zsh completion of proofload, written by `proofload help --completion zsh`
_proofload() {{
  local -a commands
  commands=(
{}  )
  if ((CURRENT == 2)); then
    _describe command commands
    _arguments{}
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
{}  esac
}}
if [[ $funcstack[1] == _proofload ]]; then
  _proofload "$@"
else
  compdef _proofload proofload
fi
)",
                     described, zsh_arguments(program, "      "), cases);
}

string fish_arguments(const CLI::App& command, const string& condition) {
  string out;
  for (const Argument& a : arguments_of(command)) {
    if (a.positional) continue;
    string flags;
    for (const string& flag : a.flags)
      flags += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
    out += fmt::format("complete -c proofload -n '{}'{}{} -d {}\n", condition, flags, a.value.empty() ? "" : " -r",
                       "'" + escaped(a.description, "'\\", "\\&") + "'");
  }
  return out;
}

string fish_script(const CLI::App& program) {
  const string first = "__fish_use_subcommand";
  string out = "# fish completion of proofload, written by `proofload help --completion fish`\n";
  out += fish_arguments(program, first);
  for (const CLI::App* command : commands_of(program)) {
    out += fmt::format("complete -c proofload -f -n {} -a {} -d '{}'\n", first, command->get_name(),
                       escaped(command->get_description(), "'\\", "\\&"));
    out += fish_arguments(*command, "__fish_seen_subcommand_from " + command->get_name());
  }
  return out + fmt::format("complete -c proofload -f -n '__fish_seen_subcommand_from help' -a '{}'\n",
                           command_names(program));
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter(std::size_t width) { return std::make_shared<Help>(width); }

vector<string> flags_of(const CLI::App& command) {
  vector<string> flags;
  for (const Argument& a : arguments_of(command))
    if (!a.positional) flags.insert(flags.end(), a.flags.begin(), a.flags.end());
  return flags;
}

string manual_page(const CLI::App& program) {
  string out = fmt::format(".TH PROOFLOAD 1 \"\" \"{}\" \"User Commands\"\n", engine_version());
  out += fmt::format(".SH NAME\nproofload \\- {}\n", roff(program.get_description()));
  out += ".SH SYNOPSIS\n.nf\n\\fBproofload\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.fi\n";
  out += ".SH OPTIONS\n" + roff_arguments(program);
  out += ".SH COMMANDS\n";
  for (const CLI::App* command : commands_of(program)) {
    out += fmt::format(".SS {}\n{}\n.PP\n{}\n", roff(command->get_name()), roff_synopsis(*command),
                       roff(command->get_description()));
    out += roff_arguments(*command) + fmt::format(".PP\n{}\n", roff(command->get_footer()));
  }
  return out + ".SH NOTES\n" + escaped(roff(program.get_footer()), "\n", "\n.br\n") + "\n";
}

string completion_script(const CLI::App& program, const string& shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  throw Error(fmt::format("--completion {} (there is none for that shell) use bash, zsh or fish", shell));
}

void add_help(CLI::App& app, int&) {
  struct Arguments {
    string command, completion;
    bool man = false;
  };
  auto a = std::make_shared<Arguments>();
  app.add_option("COMMAND", a->command, "a command (default: the program as a whole)")->type_name("");
  app.add_flag("--man", a->man, "the man page, in roff")->group("");
  app.add_option("--completion", a->completion, "completions for bash, zsh or fish")->group("");
  const CLI::App* program = app.get_parent();
  app.callback([a, program] {
    if (a->man) return print(manual_page(*program));
    if (!a->completion.empty()) return print(completion_script(*program, a->completion));
    const string& name = program->get_name();
    // not program->help(), which would be that of the command that was called: this one
    if (a->command.empty())
      return print(program->get_formatter()->make_help(program, name, CLI::AppFormatMode::Normal));
    vector<string> names;
    for (const CLI::App* command : commands_of(*program)) {
      if (command->get_name() == a->command) return print(command->help(name));
      names.push_back(command->get_name());
    }
    throw Error(
        fmt::format("'{}' (proofload has no such command) {}", a->command, suggestion(a->command, names, "command")));
  });
}

}  // namespace proofload

/// error.h -- what is wrong with the user's input, in one grammar: "<problem> (<why it is a problem>) <what to do>".
#pragma once
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace proofload {

/// One finding, with the place it is about; line 0: the file as a whole. Printed as "file:line: text".
struct Problem {
  std::string file;
  int line = 0;
  std::string text;
};

/// What has to change before it can work: the input (never to be tried again as it is; exit status 2), or the machine,
/// such as a full disk (4).
enum class Cause { input, machine };

/// Bad input or an impossible request, never a mistake of ours: main prints every problem and exits with the status of
/// its cause.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string text, Cause from = Cause::input)
      : Error(std::vector<Problem>{{"", 0, std::move(text)}}, from) {}
  explicit Error(std::vector<Problem> found, Cause from = Cause::input)
      : std::runtime_error(to_text(found)), problems(std::move(found)), cause(from) {}
  std::vector<Problem> problems;
  Cause cause;

  static std::string to_text(const std::vector<Problem>& found) {
    std::string text;
    for (const auto& p : found) {
      if (!text.empty()) text += '\n';
      text += p.file;
      if (!p.file.empty() && p.line > 0) text += ':';
      if (!p.file.empty() && p.line > 0) text += std::to_string(p.line);
      if (!p.file.empty()) text += ": ";
      text += p.text;
    }
    return text;
  }
};

}  // namespace proofload

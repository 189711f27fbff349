#include "base/write_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace proofload {
namespace fs = std::filesystem;
namespace {

/// An open file that is closed when its scope is left.
struct Descriptor {
  int number;
  explicit Descriptor(int n) : number(n) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  int close() { return ::close(std::exchange(number, -1)); }
};

/// A name that is unlinked when its scope is left, unless it was kept.
struct Temporary {
  fs::path name;
  bool made = false;
  explicit Temporary(fs::path n) : name(std::move(n)) {}
  Temporary(Temporary&& other) noexcept : name(std::move(other.name)), made(std::exchange(other.made, false)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (made) ::unlink(name.c_str());
  }
};

std::string advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space or name a file elsewhere";
    case EFBIG: return "raise the limit on file sizes or name a file elsewhere";
    case EACCES:
    case EPERM:
    case EROFS: return "name a file in a folder that may be written";
    case ENOENT:
    case ENOTDIR: return "make the folder first or name another file";
    case ENAMETOOLONG: return "choose a shorter name";
    default: return "check the disk or name a file elsewhere";
  }
}

/// Whether another name, and nothing else, would help.
bool is_of_name(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP: return true;
    default: return false;
  }
}

[[noreturn]] void fail(const fs::path& file, const std::string& what, int error) {
  throw Error(
      {{file.string(), 0, fmt::format("{} cannot be written ({}) {}", what, std::strerror(error), advice(error))}},
      is_of_name(error) ? Cause::input : Cause::machine);
}

/// Where the bytes are to go: links are followed, so that writing through a link does not replace it.
fs::path target_of(const fs::path& file, const std::string& what) {
  std::error_code error;
  fs::path target = file;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {  // to nothing yet, too
    if (links == 40) fail(file, what, ELOOP);
    const fs::path next = fs::read_symlink(target, error);
    if (error) fail(file, what, error.value());
    target = next.is_absolute() ? next : target.parent_path() / next;
  }
  const auto status = fs::status(target, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    const char* kind = fs::is_directory(status) ? "it is a folder" : "it is not a regular file";
    throw Error({{file.string(), 0, fmt::format("{} cannot be written here ({}) choose a file name", what, kind)}});
  }
  if (!target.has_filename()) {
    throw Error(
        {{file.string(), 0, fmt::format("{} has no name (the path ends in a folder) choose a file name", what)}});
  }
  return target;
}

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

/// Bytes under a temporary name beside `target`.
Temporary write_temporary(const fs::path& file, const fs::path& target, std::string_view bytes,
                          const std::string& what) {
  Temporary temporary{folder_of(target) / fmt::format(".{}.{}.tmp", target.filename().string(), ::getpid())};
  ::unlink(temporary.name.c_str());  // left by a process of the same number that was killed
  Descriptor out(::open(temporary.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (out.number < 0) fail(file, what, errno);
  temporary.made = true;
  while (!bytes.empty()) {
    const ssize_t written = ::write(out.number, bytes.data(), std::min<std::size_t>(bytes.size(), 1u << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(file, what, written < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(out.number) != 0 && errno != EINVAL) fail(file, what, errno);  // EINVAL: a file system that cannot sync
  if (out.close() != 0) fail(file, what, errno);
  return temporary;
}

/// Removes temporary files for `target` whose process is gone. Ten minutes old: a process of another machine that
/// shares the folder writes its own in less.
void remove_abandoned(const fs::path& target) {
  const std::string head = fmt::format(".{}.", target.filename().string()), tail = ".tmp";
  std::error_code error;
  for (fs::directory_iterator at(folder_of(target), error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(head) || !name.ends_with(tail) || name.size() <= head.size() + tail.size()) continue;
    const std::string number = name.substr(head.size(), name.size() - head.size() - tail.size());
    if (number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos) continue;
    struct stat status {};
    if (::lstat(at->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const bool old = std::difftime(std::time(nullptr), status.st_mtime) > 600.0;
    if (old && ::kill(std::stoi(number), 0) != 0 && errno == ESRCH) ::unlink(at->path().c_str());
  }
}

}  // namespace

void require_writable(const fs::path& file, const std::string& what) {
  const fs::path target = target_of(file, what);
  remove_abandoned(target);
  write_temporary(file, target, std::string(16384, '\0'), what);
}

void require_ours(const fs::path& file, bool force, std::initializer_list<std::string_view> marks) {
  std::error_code ignored;
  if (file.empty() || force || !fs::is_regular_file(file, ignored)) return;
  std::string head(4096, '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  const auto holds = [&](std::string_view mark) { return head.find(mark) != std::string::npos; };
  if (head.empty() || std::any_of(marks.begin(), marks.end(), holds)) return;
  throw Error(
      fmt::format("{} exists (and is none of the files that this command writes, so it may be something that you "
                  "need) choose another name, or replace it with --force",
                  file.string()));
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::exists(a, ignored) && fs::exists(b, ignored) && fs::equivalent(a, b, ignored);
}

void write_file(const fs::path& file, std::string_view bytes, const std::string& what) {
  const fs::path target = target_of(file, what);
  Temporary temporary = write_temporary(file, target, bytes, what);
  if (::rename(temporary.name.c_str(), target.c_str()) != 0) fail(file, what, errno);
  temporary.made = false;
  // The rename itself is made durable. A folder that cannot be opened or synced does not make the file any less
  // complete.
  const Descriptor directory(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number >= 0) ::fsync(directory.number);
}

std::string read_file(const fs::path& file, std::uint64_t limit, const std::string& what) {
  const auto problem = [&](const std::string& text) { return Error({{file.string(), 0, text}}); };
  const Descriptor in(
      ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe without a writer must not hang
  struct stat status {};
  if (in.number < 0 || ::fstat(in.number, &status) != 0) {
    throw problem(fmt::format("{} cannot be read ({}) check the name and its permissions", what, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    const char* kind = S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file";
    throw problem(fmt::format("{} cannot be read ({}) name the file itself", what, kind));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit) {
    throw problem(fmt::format("{} cannot be read ({} bytes are more than such a file can have, {}) name another file",
                              what, size, limit));
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(in.number, bytes.data() + done, std::min<std::size_t>(bytes.size() - done, 1u << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw problem(fmt::format("{} cannot be read ({}) check the disk", what, std::strerror(errno)));
    if (got == 0) break;  // it became shorter while it was read; the reader's own checks will say so
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace proofload

#include "answers/image_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "answers/hdf5_image.h"
#include "base/error.h"

namespace proofload::hdf5 {
namespace {

constexpr rlim_t most_seconds = 60;                     // of the processor, for all answers
constexpr long least_milliseconds = 500;                // for one, which takes microseconds
constexpr std::uint64_t bytes_a_millisecond = 1 << 16;  // and as long as this for what it copies
// Bytes beside two copies of the image: the largest dataset has a quarter.
constexpr rlim_t room_to_read = rlim_t{1} << 30;
constexpr std::size_t most_dimensions = 4;  // of what is asked for

Error machine(const std::string& why, const char* what) {
  return Error(fmt::format("the result cannot be read ({}) {}", why, what), Cause::machine);
}

/// Said of an answer that is none.
Refused lost() { return {"it is damaged: HDF5 has lost its way in it"}; }

// ---- what the process of its own does -------------------------------------------------------------------------------

void limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return;
  hard = std::min(hard, now.rlim_max);
  const rlimit wanted{std::min(soft, hard), hard};
  ::setrlimit(resource, &wanted);
}

/// Bytes that this process has for data already: it began as a copy of one that may be large. Infinite where there is
/// no /proc to say so; then only time is limited.
rlim_t data_in_use() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return RLIM_INFINITY;
  std::array<char, 256> text{};
  const ssize_t got = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  unsigned long long pages = 0;  // size resident shared text lib DATA dirty
  if (got <= 0 || std::sscanf(text.data(), "%*u %*u %*u %*u %*u %llu", &pages) != 1) return RLIM_INFINITY;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

/// Ends of this process are nobody's business but the other's: no core, no message, no handler of the program; and what
/// an image says of other files leads nowhere.
void confine(int socket, std::size_t image_size) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 0);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGPROF}) std::signal(number, SIG_DFL);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (standard != socket) ::close(standard);
  const rlim_t used = data_in_use();
  if (used != RLIM_INFINITY) {
    const rlim_t most = used + 2 * image_size + room_to_read;
    limit(RLIMIT_DATA, most, most);
  }
  limit(RLIMIT_CPU, most_seconds, most_seconds + 1);
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_NOFILE, 0, 0);
  H5PLset_loading_state(0);  // a filter is what HDF5 has of its own
}

/// How long this process may compute from now on; the limit of its system call counts whole seconds.
void allow_time(std::uint64_t bytes) {
  const long milliseconds = least_milliseconds + static_cast<long>(bytes / bytes_a_millisecond);
  const itimerval once{{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
  ::setitimer(ITIMER_PROF, &once, nullptr);
}

Id open_image(std::string_view image) {
  const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "file properties");
  checked(H5Pset_fapl_core(access, std::size_t{1} << 20, false), "file properties");
  checked(H5Pset_file_image(access, const_cast<char*>(image.data()), image.size()), "the image");  // which is copied
  const hid_t file = H5Fopen("proofload result in memory", H5F_ACC_RDONLY, access);
  if (file < 0) throw Refused{fmt::format("it is truncated or damaged: {}", hdf5_reason())};
  return {file, H5Fclose, "the image"};
}

Id open_attribute(hid_t file, const char* name, H5T_class_t kind) {
  if (checked(H5Aexists(file, name), name) == 0) throw Refused{fmt::format("it has no attribute \"{}\"", name)};
  Id attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose, name);
  const Id type(H5Aget_type(attribute), H5Tclose, name), space(H5Aget_space(attribute), H5Sclose, name);
  const bool text = kind == H5T_STRING;
  if (H5Tget_class(type) != kind || H5Sget_simple_extent_npoints(space) != 1 ||
      (text && H5Tis_variable_str(type) <= 0)) {
    throw Refused{fmt::format("its attribute \"{}\" is not {}", name, text ? "a text" : "a number")};
  }
  return attribute;
}

std::string text_attribute(hid_t file, const char* name) {
  const Id attribute = open_attribute(file, name, H5T_STRING);
  const Id type(H5Aget_type(attribute), H5Tclose, name);
  char* text = nullptr;
  checked(H5Aread(attribute, type, &text), name);
  if (text == nullptr) return {};
  const std::size_t length = ::strnlen(text, largest_text + 1);
  if (length > largest_text) throw Refused{fmt::format("its attribute \"{}\" is too long", name)};
  std::string copy(text, length);
  H5free_memory(text);
  return copy;
}

template <class T>
std::string bytes_of(const T& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

template <class T>
std::string number_attribute(hid_t file, const char* name) {
  const Id attribute = open_attribute(file, name, std::is_same_v<T, double> ? H5T_FLOAT : H5T_INTEGER);
  T number{};
  checked(H5Aread(attribute, memory_type<T>(), &number), name);
  return bytes_of(number);
}

bool has_link(hid_t file, const char* name) { return checked(H5Lexists(file, name, H5P_DEFAULT), name) > 0; }

/// A dataset that the image holds itself.
Id open_dataset(hid_t file, const char* name) {
  if (!has_link(file, name)) throw Refused{fmt::format("it has no dataset \"{}\"", name)};
  H5L_info_t link;
  checked(H5Lget_info(file, name, &link, H5P_DEFAULT), name);
  if (link.type != H5L_TYPE_HARD)
    throw Refused{fmt::format("its dataset \"{}\" is a link, and a result reads nothing but itself", name)};
  Id set(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, name);
  const Id creation(H5Dget_create_plist(set), H5Pclose, name);
  if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) > 0)
    throw Refused{fmt::format("its dataset \"{}\" lies elsewhere, and a result reads nothing but itself", name)};
  return set;
}

std::vector<std::uint64_t> extent_of_dataset(hid_t set, const char* name) {
  const Id space(H5Dget_space(set), H5Sclose, name);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, checked(H5Sget_simple_extent_ndims(space), name))));
  if (!extent.empty()) checked(H5Sget_simple_extent_dims(space, extent.data(), nullptr), name);
  return {extent.begin(), extent.end()};
}

/// Reads into `bytes`.
template <class T>
void read_numbers(hid_t file, const char* name, const std::vector<std::uint64_t>& expected, std::vector<char>& bytes) {
  const Id set = open_dataset(file, name);
  const Id type(H5Dget_type(set), H5Tclose, name);
  if (extent_of_dataset(set, name) != expected ||
      H5Tget_class(type) != (std::is_same_v<T, double> ? H5T_FLOAT : H5T_INTEGER)) {
    throw Refused{fmt::format("its dataset \"{}\" has another shape or type than its scenario asks for", name)};
  }
  std::uint64_t size = sizeof(T);
  for (const std::uint64_t n : expected) size *= n;
  bytes.resize(size);
  checked(H5Dread(set, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), name);
}

bool send_all(int socket, const void* from, std::uint64_t bytes) {
  const char* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t sent = ::send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    bytes -= static_cast<std::uint64_t>(sent);
  }
  return true;
}

bool receive_all(int socket, void* to, std::uint64_t bytes) {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::recv(socket, at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::uint64_t>(got);
  }
  return true;
}

/// Goes before the bytes of an answer.
struct Head {
  enum class Is : std::uint32_t { answer, refusal, short_of_memory } is = Is::answer;
  std::uint64_t bytes = 0;
};

/// Numbers come in pieces, those that hold something (most of a histogram does not); the last piece is empty.
struct Piece {
  std::uint64_t at = 0, bytes = 0;
};
constexpr std::size_t largest_piece = 4096;

bool send_pieces(int socket, const std::vector<char>& bytes) {
  static constexpr std::array<char, largest_piece> nothing{};
  for (std::size_t at = 0; at < bytes.size(); at += largest_piece) {
    const Piece piece{at, std::min(largest_piece, bytes.size() - at)};
    if (std::memcmp(bytes.data() + at, nothing.data(), piece.bytes) == 0) continue;
    if (!send_all(socket, &piece, sizeof piece) || !send_all(socket, bytes.data() + at, piece.bytes)) return false;
  }
  const Piece last;
  return send_all(socket, &last, sizeof last);
}

}  // namespace

// ---- questions ------------------------------------------------------------------------------------------------------

enum class ImageReader::Kind : std::uint32_t {
  opens,
  has_attribute,
  text,
  whole_attribute,
  real_attribute,
  has_dataset,
  extent,
  wholes,
  reals
};

struct ImageReader::Question {
  Kind kind;
  std::array<char, 64> name;  ///< up to a 0
  std::uint32_t dimensions;
  std::array<std::uint64_t, most_dimensions> extent;

  std::uint64_t size() const {  ///< bytes of the numbers that are asked for
    std::uint64_t bytes = sizeof(std::uint64_t);
    for (std::uint32_t d = 0; d < dimensions; ++d) bytes *= extent[d];
    return bytes;
  }
};

ImageReader::Question ImageReader::about(Kind kind, const std::string& name, const std::vector<std::uint64_t>& extent) {
  Question question{};
  question.kind = kind;
  if (name.size() >= question.name.size() || extent.size() > most_dimensions)
    throw std::logic_error("no result has such a dataset: " + name);
  std::copy(name.begin(), name.end(), question.name.begin());
  question.dimensions = static_cast<std::uint32_t>(extent.size());
  std::copy(extent.begin(), extent.end(), question.extent.begin());
  return question;
}

std::string ImageReader::answer_to(const Question& question, std::int64_t file, std::vector<char>& numbers) {
  const char* name = question.name.data();
  const std::vector<std::uint64_t> extent(question.extent.begin(), question.extent.begin() + question.dimensions);
  switch (question.kind) {
    case Kind::opens: return {};
    case Kind::has_attribute: return bytes_of(static_cast<std::uint8_t>(checked(H5Aexists(file, name), name) > 0));
    case Kind::text: return text_attribute(file, name);
    case Kind::whole_attribute: return number_attribute<std::uint64_t>(file, name);
    case Kind::real_attribute: return number_attribute<double>(file, name);
    case Kind::has_dataset: return bytes_of(static_cast<std::uint8_t>(has_link(file, name)));
    case Kind::extent: {
      std::string bytes;
      for (const std::uint64_t n : extent_of_dataset(open_dataset(file, name), name)) bytes += bytes_of(n);
      return bytes;
    }
    case Kind::wholes: read_numbers<std::uint64_t>(file, name, extent, numbers); break;
    case Kind::reals: read_numbers<double>(file, name, extent, numbers); break;
  }
  return {};
}

/// Opens the image with the first question, and answers until nobody asks any more.
void ImageReader::serve(int socket, std::string_view image) {
  confine(socket, image.size());
  const QuietHdf5 quiet;
  std::optional<Id> file;
  std::vector<char> numbers;
  Question question{};
  while (receive_all(socket, &question, sizeof question)) {
    allow_time(question.kind == Kind::opens ? image.size() : question.size());
    Head head;
    std::string bytes;
    try {
      if (!file) file.emplace(open_image(image));
      bytes = answer_to(question, *file, numbers);
    } catch (const Refused& refused) {
      head.is = Head::Is::refusal;
      bytes = refused.text;
    } catch (const std::bad_alloc&) { head.is = Head::Is::short_of_memory; }
    const bool pieces = head.is == Head::Is::answer && (question.kind == Kind::wholes || question.kind == Kind::reals);
    head.bytes = pieces ? numbers.size() : bytes.size();
    if (!send_all(socket, &head, sizeof head)) break;
    if (pieces ? !send_pieces(socket, numbers) : !send_all(socket, bytes.data(), bytes.size())) break;
  }
  ::_exit(0);  // nothing of the program that this is a copy of is to happen twice
}

// ---- who asks -------------------------------------------------------------------------------------------------------

ImageReader::ImageReader(std::string_view image) {
  checked(H5open(), "its start");
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw machine(fmt::format("it has no channel to the process that reads it: {}", std::strerror(errno)),
                  "close other programs");
  process_ = ::fork();
  if (process_ == 0) {
    ::close(ends[0]);
    serve(ends[1], image);
  }
  const int failed = errno;
  ::close(ends[1]);
  socket_ = ends[0];
  if (process_ < 0) {
    ::close(socket_);
    throw machine(fmt::format("the process that reads it cannot be started: {}", std::strerror(failed)),
                  "close other programs, or raise the limits of processes and memory");
  }
  try {
    ask(about(Kind::opens, ""), nullptr, 0);
  } catch (...) {
    end();
    throw;
  }
}

void ImageReader::end() {
  if (process_ < 0) return;
  ::close(socket_);
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {}
  process_ = -1;
}

/// The process is gone in the middle of an answer.
void ImageReader::report_end() {
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(process_, &status, 0)) < 0 && errno == EINTR) {}
  ::close(socket_);
  process_ = -1;
  if (ended > 0 && WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    if (number == SIGKILL)
      throw machine("the process that reads it was killed, perhaps for want of memory", "free some memory");
    if (number == SIGPROF || number == SIGXCPU) throw Refused{"it is damaged: HDF5 does not come to an end with it"};
  }
  throw Refused{"it is damaged: HDF5 crashed on it"};
}

void ImageReader::receive(void* to, std::uint64_t bytes) {
  if (!receive_all(socket_, to, bytes)) report_end();
}

std::uint64_t ImageReader::ask(const Question& question) {
  if (process_ < 0) throw Refused{"it is damaged: HDF5 crashed on it"};
  Head head;
  if (!send_all(socket_, &question, sizeof question)) report_end();
  receive(&head, sizeof head);
  if (head.is == Head::Is::short_of_memory) throw std::bad_alloc();
  if (head.is == Head::Is::answer) return head.bytes;
  std::string why(std::min<std::uint64_t>(head.bytes, 4096), '\0');
  receive(why.data(), why.size());
  std::replace_if(
      why.begin(), why.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  throw Refused{why};
}

void ImageReader::ask(const Question& question, void* to, std::uint64_t bytes) {
  if (ask(question) != bytes) throw lost();
  receive(to, bytes);
}

bool ImageReader::has_attribute(const std::string& name) {
  std::uint8_t has = 0;
  ask(about(Kind::has_attribute, name), &has, sizeof has);
  return has != 0;
}

std::string ImageReader::text(const std::string& name) {
  const std::uint64_t size = ask(about(Kind::text, name));
  if (size > largest_text) throw Refused{fmt::format("its attribute \"{}\" is too long", name)};
  std::string text(size, '\0');
  receive(text.data(), size);
  return text;
}

std::uint64_t ImageReader::whole(const std::string& name) {
  std::uint64_t number = 0;
  ask(about(Kind::whole_attribute, name), &number, sizeof number);
  return number;
}

double ImageReader::real(const std::string& name) {
  double number = 0.0;
  ask(about(Kind::real_attribute, name), &number, sizeof number);
  return number;
}

bool ImageReader::has_dataset(const std::string& name) {
  std::uint8_t has = 0;
  ask(about(Kind::has_dataset, name), &has, sizeof has);
  return has != 0;
}

std::vector<std::uint64_t> ImageReader::extent_of(const std::string& name) {
  const std::uint64_t size = ask(about(Kind::extent, name));
  std::vector<std::uint64_t> extent(std::min<std::uint64_t>(size / sizeof(std::uint64_t), H5S_MAX_RANK));
  if (extent.size() * sizeof(std::uint64_t) != size) throw lost();
  receive(extent.data(), size);
  return extent;
}

void ImageReader::read(const std::string& name, const std::vector<std::uint64_t>& extent, std::uint64_t* to) {
  read_pieces(about(Kind::wholes, name, extent), reinterpret_cast<char*>(to));
}

void ImageReader::read(const std::string& name, const std::vector<std::uint64_t>& extent, double* to) {
  read_pieces(about(Kind::reals, name, extent), reinterpret_cast<char*>(to));
}

void ImageReader::read_pieces(const Question& question, char* to) {
  const std::uint64_t size = question.size();
  if (ask(question) != size) throw lost();
  std::fill_n(to, size, '\0');
  for (Piece piece;;) {
    receive(&piece, sizeof piece);
    if (piece.bytes == 0) return;
    if (piece.bytes > largest_piece || piece.at > size || piece.bytes > size - piece.at) throw lost();
    receive(to + piece.at, piece.bytes);
  }
}

std::vector<std::vector<double>> ImageReader::rows(const std::string& name, std::uint64_t most) {
  const std::vector<std::uint64_t> extent = extent_of(name);
  if (extent.size() != 2 || extent[0] > most || extent[1] > most || extent[0] * extent[1] > most)  // most^2 has room
    throw Refused{fmt::format("its dataset \"{}\" is not a table of at most {} real numbers", name, most)};
  std::vector<double> numbers(extent[0] * extent[1]);
  if (numbers.empty()) return {};
  read(name, extent, numbers.data());
  std::vector<std::vector<double>> rows;
  for (auto at = numbers.begin(); at != numbers.end(); at += static_cast<std::ptrdiff_t>(extent[1]))
    rows.emplace_back(at, at + static_cast<std::ptrdiff_t>(extent[1]));
  return rows;
}

}  // namespace proofload::hdf5

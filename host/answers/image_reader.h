/// image_reader.h -- an HDF5 image read by a process of its own. HDF5 1.10 crashes on files that are damaged, or made
/// to crash it: then that process ends, which is an answer too.
///
/// The process is forked, not started anew: it has the image without a copy, needs no program file, works in whatever
/// program this is linked into, and takes 1 ms where starting the program takes 10. Other threads are harmless: it
/// calls nothing but HDF5, whose other caller is the thread that waits for it.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proofload::hdf5 {

inline constexpr std::uint64_t largest_text = std::uint64_t{16} << 20;  ///< bytes of an attribute

/// Attributes of the root and datasets in it. The process that reads them can open no file, whatever the image names,
/// and has limits of memory and time. Every question throws Refused when the image does not have what is asked for or
/// the process did not survive it, and Error when the machine has no process or memory to give.
class ImageReader {
 public:
  explicit ImageReader(std::string_view image);
  ~ImageReader() { end(); }
  ImageReader(const ImageReader&) = delete;
  ImageReader& operator=(const ImageReader&) = delete;

  bool has_attribute(const std::string& name);
  std::string text(const std::string& name);
  std::uint64_t whole(const std::string& name);
  double real(const std::string& name);

  bool has_dataset(const std::string& name);
  std::vector<std::uint64_t> extent_of(const std::string& name);
  /// A dataset of whole or real numbers that must have this shape.
  void read(const std::string& name, const std::vector<std::uint64_t>& extent, std::uint64_t* to);
  void read(const std::string& name, const std::vector<std::uint64_t>& extent, double* to);
  /// A table of at most `most` real numbers, whatever its shape: its rows.
  std::vector<std::vector<double>> rows(const std::string& name, std::uint64_t most);

 private:
  struct Question;
  enum class Kind : std::uint32_t;
  static Question about(Kind, const std::string& name, const std::vector<std::uint64_t>& extent = {});
  /// Text, number, shape; what a dataset holds goes into `numbers`.
  static std::string answer_to(const Question&, std::int64_t file, std::vector<char>& numbers);
  [[noreturn]] static void serve(int socket, std::string_view image);
  /// Asks, and answers how many bytes come.
  std::uint64_t ask(const Question&);
  void receive(void* to, std::uint64_t bytes);
  void ask(const Question&, void* to, std::uint64_t bytes);  ///< for so many bytes, no more and no less
  void read_pieces(const Question&, char* to);
  [[noreturn]] void report_end();
  void end();

  int socket_ = -1;
  pid_t process_ = -1;
};

}  // namespace proofload::hdf5

/// hdf5_image.h -- HDF5 files made as images in memory (the core driver), in the style of netCDF-4: datasets with named
/// dimensions, units and long names (image_reader.h reads them). Every call is checked; the first that fails throws
/// Refused.
#pragma once
#include <fmt/format.h>
#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace proofload::hdf5 {

inline constexpr hsize_t chunk_bins = 8192;  // of a long histogram: 64 KB before compression

/// HDF5 said no. Turned into an Error with the file's name by whoever knows it.
struct Refused {
  std::string text;
};

/// The innermost message of HDF5's error stack.
inline std::string hdf5_reason() {
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_DOWNWARD,
      [](unsigned, const H5E_error2_t* entry, void* to) -> herr_t {
        if (entry->desc != nullptr) *static_cast<std::string*>(to) = entry->desc;
        return 0;
      },
      &reason);
  return reason.empty() ? std::string("no reason given") : reason;
}

/// Every HDF5 call goes through here: a negative answer is a failure.
template <class T>
T checked(T answer, std::string_view what) {
  if (answer < 0) throw Refused{fmt::format("HDF5 failed at {}: {}", what, hdf5_reason())};
  return answer;
}

/// HDF5 prints its error stack to stderr unless told not to; we have our own words.
struct QuietHdf5 {
  H5E_auto2_t function = nullptr;
  void* data = nullptr;
  QuietHdf5() {
    H5Eget_auto2(H5E_DEFAULT, &function, &data);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietHdf5() { H5Eset_auto2(H5E_DEFAULT, function, data); }
  QuietHdf5(const QuietHdf5&) = delete;
  QuietHdf5& operator=(const QuietHdf5&) = delete;
};

/// An HDF5 identifier with its way of closing.
class Id {
 public:
  using Close = herr_t (*)(hid_t);
  Id(hid_t id, Close close, std::string_view what) : id_(checked(id, what)), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Id& operator=(Id&&) = delete;
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

inline Id dataspace(const std::vector<hsize_t>& extent) {
  if (extent.empty()) return {H5Screate(H5S_SCALAR), H5Sclose, "a scalar"};
  return {H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose, "a shape"};
}

inline Id text_type() {
  Id type(H5Tcopy(H5T_C_S1), H5Tclose, "a text type");
  checked(H5Tset_size(type, H5T_VARIABLE), "a text type");
  checked(H5Tset_cset(type, H5T_CSET_UTF8), "a text type");
  return type;
}

template <class T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
}
template <class T>
hid_t file_type() {
  if constexpr (std::is_same_v<T, double>) return H5T_IEEE_F64LE;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_STD_U64LE;
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_STD_U8LE;
}

// ---- writing --------------------------------------------------------------------------------------------------------

/// Datasets with named dimensions in one HDF5 image; the variables keep the order in which they are made, as netCDF-4
/// wants.
class Image {
 public:
  Image() : file_(create()) {}

  void attribute(const std::string& name, const std::string& text) { set_text(file_, name, text); }
  void attribute(const std::string& name, double number) { set_number(file_, name, number); }
  void attribute(const std::string& name, std::uint64_t number) { set_number(file_, name, number); }

  /// A dimension with its coordinate: names or numbers.
  void dimension(const std::string& name, const std::vector<std::string>& labels, const std::string& long_name) {
    std::vector<const char*> pointers;
    for (const auto& label : labels) pointers.push_back(label.c_str());
    const Id type = text_type();
    const Id set = dataset(name, type, {static_cast<hsize_t>(labels.size())}, {});
    checked(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), name);
    finish_dimension(set, name, labels.size(), "1", long_name);
  }
  template <class T>
  void dimension(const std::string& name, const std::vector<T>& at, const std::string& units,
                 const std::string& long_name) {
    const std::vector<hsize_t> extent{static_cast<hsize_t>(at.size())};
    const Id set = dataset(name, file_type<T>(), extent, chunk_if_long(extent));
    checked(H5Dwrite(set, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, at.data()), name);
    finish_dimension(set, name, at.size(), units, long_name);
  }

  /// A variable over dimensions that were made before; long ones are compressed.
  template <class T>
  void variable(const std::string& name, const std::vector<std::string>& dimensions, const T* values,
                const std::string& units, const std::string& long_name) {
    const std::vector<hsize_t> extent = extents(dimensions);
    const Id set = dataset(name, file_type<T>(), extent, chunk_if_long(extent));
    checked(H5Dwrite(set, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), name);
    finish(set, dimensions, units, long_name);
  }

  /// The same for long histograms: compressed chunks, and only those that hold something (what is absent reads as 0).
  void histogram(const std::string& name, const std::vector<std::string>& dimensions, const std::uint64_t* values,
                 const std::string& units, const std::string& long_name) {
    const std::vector<hsize_t> extent = extents(dimensions);
    const hsize_t bins = extent.back();
    hsize_t rows = 1;
    for (std::size_t d = 0; d + 1 < extent.size(); ++d) rows *= extent[d];
    std::vector<hsize_t> chunk(extent.size(), 1);
    chunk.back() = std::min(bins, chunk_bins);
    const Id set = dataset(name, file_type<std::uint64_t>(), extent, chunk);
    for (hsize_t row = 0; row < rows; ++row) {
      for (hsize_t bin = 0; bin < bins; bin += chunk.back()) {
        const std::uint64_t* from = values + row * bins + bin;
        const hsize_t size = std::min(chunk.back(), bins - bin);
        if (std::all_of(from, from + size, [](std::uint64_t n) { return n == 0; })) continue;
        std::vector<hsize_t> start(extent.size()), count(extent.size(), 1);
        start.back() = bin, count.back() = size;
        hsize_t left = row;
        for (std::size_t d = extent.size() - 1; d-- > 0; left /= extent[d]) start[d] = left % extent[d];
        const Id where(H5Dget_space(set), H5Sclose, name);
        checked(H5Sselect_hyperslab(where, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), name);
        const Id memory = dataspace({size});
        checked(H5Dwrite(set, H5T_NATIVE_UINT64, memory, where, H5P_DEFAULT, from), name);
      }
    }
    finish(set, dimensions, units, long_name);
  }

  /// Figures of the bins of a long histogram, a row for each entry of the first dimension, as `row` gives it:
  /// compressed chunks, and only those that hold a number (what is absent reads as not-a-number).
  template <class Row>
  void curves(const std::string& name, const std::vector<std::string>& dimensions, const Row& row,
              const std::string& units, const std::string& long_name) {
    const std::vector<hsize_t> extent = extents(dimensions);
    const hsize_t bins = extent[1], size = std::min(bins, chunk_bins);
    const double absent = std::numeric_limits<double>::quiet_NaN();
    const Id set = dataset(name, file_type<double>(), extent, {1, size}, &absent);
    for (hsize_t r = 0; r < extent[0]; ++r) {
      const std::vector<double> values = row(static_cast<std::size_t>(r));
      for (hsize_t bin = 0; bin < bins; bin += size) {
        const double* from = values.data() + bin;
        const hsize_t here = std::min(size, bins - bin);
        if (std::all_of(from, from + here, [](double x) { return x != x; })) continue;
        const hsize_t start[] = {r, bin}, count[] = {1, here};
        const Id where(H5Dget_space(set), H5Sclose, name);
        checked(H5Sselect_hyperslab(where, H5S_SELECT_SET, start, nullptr, count, nullptr), name);
        const Id memory = dataspace({here});
        checked(H5Dwrite(set, H5T_NATIVE_DOUBLE, memory, where, H5P_DEFAULT, from), name);
      }
    }
    finish(set, dimensions, units, long_name);
  }

  std::string bytes() const {
    checked(H5Fflush(file_, H5F_SCOPE_GLOBAL), "the flush");
    const ssize_t size = checked(H5Fget_file_image(file_, nullptr, 0), "the image");
    std::string image(static_cast<std::size_t>(size), '\0');
    if (checked(H5Fget_file_image(file_, image.data(), image.size()), "the image") != size)
      throw Refused{"HDF5's image is short"};
    return image;
  }

 private:
  static Id create() {
    const Id creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "file properties");
    checked(H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), "file properties");
    checked(H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), "file properties");
    checked(H5Pset_obj_track_times(creation, false), "file properties");
    const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "file properties");
    checked(H5Pset_fapl_core(access, std::size_t{1} << 20, false), "file properties");
    return {H5Fcreate("proofload result in memory", H5F_ACC_TRUNC, creation, access), H5Fclose, "the image"};
  }

  Id dataset(const std::string& name, hid_t type, const std::vector<hsize_t>& extent, const std::vector<hsize_t>& chunk,
             const double* absent = nullptr) {
    const Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, name);
    checked(H5Pset_attr_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), name);
    checked(H5Pset_obj_track_times(properties, false), name);
    if (!chunk.empty()) {
      checked(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), name);
      if (H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0) {
        checked(H5Pset_shuffle(properties), name);
        checked(H5Pset_deflate(properties, 4), name);
      }
    }
    if (absent != nullptr) checked(H5Pset_fill_value(properties, H5T_NATIVE_DOUBLE, absent), name);
    const Id space = dataspace(extent);
    return {H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose, name};
  }

  /// Whole rows of a long table; no chunks for a short one.
  static std::vector<hsize_t> chunk_if_long(const std::vector<hsize_t>& extent) {
    hsize_t row = 1;
    for (std::size_t d = 1; d < extent.size(); ++d) row *= extent[d];
    if (extent.empty() || extent[0] * row <= chunk_bins) return {};
    std::vector<hsize_t> chunk = extent;
    chunk[0] = std::clamp<hsize_t>(chunk_bins / row, 1, extent[0]);
    return chunk;
  }

  std::vector<hsize_t> extents(const std::vector<std::string>& dimensions) const {
    std::vector<hsize_t> extent;
    for (const auto& d : dimensions) extent.push_back(extents_.at(d));
    return extent;
  }

  void finish_dimension(hid_t set, const std::string& name, std::size_t extent, const std::string& units,
                        const std::string& long_name) {
    checked(H5DSset_scale(set, name.c_str()), name);
    extents_[name] = extent;
    finish(set, {}, units, long_name);
  }

  void finish(hid_t set, const std::vector<std::string>& dimensions, const std::string& units,
              const std::string& long_name) {
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
      const Id scale(H5Dopen2(file_, dimensions[d].c_str(), H5P_DEFAULT), H5Dclose, dimensions[d]);
      checked(H5DSattach_scale(set, scale, static_cast<unsigned>(d)), dimensions[d]);
    }
    set_text(set, "units", units);
    set_text(set, "long_name", long_name);
  }

  static void set_text(hid_t object, const std::string& name, const std::string& text) {
    const Id type = text_type(), space = dataspace({});
    const Id attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
    const char* pointer = text.c_str();
    checked(H5Awrite(attribute, type, &pointer), name);
  }

  template <class T>
  static void set_number(hid_t object, const std::string& name, T number) {
    const Id space = dataspace({});
    const Id attribute(H5Acreate2(object, name.c_str(), file_type<T>(), space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                       name);
    checked(H5Awrite(attribute, memory_type<T>(), &number), name);
  }

  Id file_;
  std::map<std::string, hsize_t> extents_;
};

}  // namespace proofload::hdf5

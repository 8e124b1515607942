#include "datasets/cifar10_sheets.h"

#include "core/files.h"
#include "datasets/cifar10.h"
#include "datasets/published.h"
#include "datasets/unpack_picture.h"

namespace bonsai::datasets {
namespace {

constexpr std::size_t pixels = 32 * 32, most_labels = 50000;

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t n = 0;
  for (std::size_t i = at; i < at + 4; ++i) n = n << 8 | static_cast<unsigned char>(bytes[i]);
  return n;
}

// A PNG's first chunk: length, "IHDR", width, height, bit depth, colour type (2: RGB), and three more bytes.
void check_header(std::string_view png, std::size_t rows, std::string_view file) {
  require(png.size() >= 33 && png.starts_with("\x89PNG\r\n\x1a\n") && png.substr(12, 4) == "IHDR",
          "{}: is not a PNG picture", file);
  const std::uint32_t width = big_endian(png, 16), height = big_endian(png, 20);
  require(width == pixels && height == rows,
          "{}: {} x {} pixels; a sheet of CIFAR-10 here is {} x {}, one row a photograph", file, width, height, pixels,
          rows);
  const int depth = static_cast<unsigned char>(png[24]), colour = static_cast<unsigned char>(png[25]);
  require(depth == 8 && colour == 2, "{}: {} bits a channel and colour type {}; a sheet of CIFAR-10 has 8 and 2 (RGB)",
          file, depth, colour);
}

}  // namespace

std::string cifar10_from_sheet(std::string_view png, std::string_view labels, std::string_view file) {
  check_header(png, labels.size(), file);
  const Unpacked sheet = unpack_picture(png, file, 3);
  std::string records(labels.size() * cifar10_record, '\0');
  auto* to = reinterpret_cast<unsigned char*>(records.data());
  const unsigned char* row = sheet.bytes.get();
  for (char label : labels) {
    *to++ = static_cast<unsigned char>(label);
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0; i < pixels; ++i) *to++ = row[3 * i + c];
    row += 3 * pixels;
  }
  return records;
}

std::string parse_labels(std::string_view json, std::string_view file) {
  enum { open, number, comma_or_close, end } next = open;
  std::string labels;
  for (char c : json) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (next == open && c == '[')
      next = number;
    else if (next == number && c >= '0' && c <= '9' && labels.size() < most_labels)
      labels += static_cast<char>(c - '0'), next = comma_or_close;
    else if (next == comma_or_close && c == ',')
      next = number;
    else if (next == comma_or_close && c == ']')
      next = end;
    else
      fail("{}: is not a list of labels [6,9,...] of one digit each; after {} of them comes \"{}\"", file,
           labels.size(), printable(std::string_view(&c, 1)));
  }
  require(next == end, "{}: the list of labels ends after {} of them without a bracket; it is cut short", file,
          labels.size());
  return labels;
}

std::string cifar10_from_sheets(const std::filesystem::path& folder, std::string_view bin_file) {
  const std::string name(bin_file.substr(0, bin_file.rfind('.')));
  const bool train = name != "test_batch";
  const std::filesystem::path sheet = folder / (name + ".png"),
                              list = folder / (train ? "train_lables.json" : "test_lables.json");
  require(is_there(sheet), "cifar-10: {} holds neither {} nor {}.png; name the folder that does",
          printable(folder.string(), 4096), bin_file, name);
  const std::string shown = printable(list.string(), 4096), labels = parse_labels(read_whole(list, 1 << 20), shown);
  const std::size_t each = 10000, first = train ? (name.back() - '1') * each : 0;
  require(labels.size() == (train ? 5 : 1) * each, "{}: has {} labels, not {}", shown, labels.size(),
          (train ? 5 : 1) * each);
  return cifar10_from_sheet(read_whole(sheet, most_picture_bytes), std::string_view(labels).substr(first, each),
                            printable(sheet.string(), 4096));
}

}  // namespace bonsai::datasets

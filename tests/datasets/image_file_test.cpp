// Pictures: what becomes of colours, transparency and sizes, every refusal, bombs, 20,000 damaged files, and folders of them.
#include "datasets/image_file.h"

#include <cmath>

#include "core/parallel.h"
#include "datasets/image_folder.h"
#include "datasets/unpack_picture.h"
#include "tests/datasets/pictures.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using test::jpeg;
using test::noise;
using test::png;
using test::put;
using test::raw_png;
using test::stored;
using test::TemporaryFolder;
using Bytes = std::vector<std::uint8_t>;

Bytes decoded(const std::string& file, std::int64_t channels) {
  return decode_picture(file, "f", channels).to_vector<std::uint8_t>();
}

TEST(Pictures, ComeBackAsTheyWere) {
  const Bytes grey = noise(7 * 5, 1), rgb = noise(7 * 5 * 3, 2);
  EXPECT_EQ(decode_picture(png(7, 5, 3, rgb), "f", 3).shape(), Shape({5, 7, 3}));
  EXPECT_EQ(decoded(png(7, 5, 1, grey), 1), grey);
  EXPECT_EQ(decoded(png(7, 5, 3, rgb), 3), rgb);
  const Bytes flat(16 * 16 * 3, 200);
  for (std::uint8_t x : decoded(jpeg(16, 16, 3, flat), 3)) EXPECT_NEAR(x, 200, 2);
  Bytes slope(32 * 16 * 3);
  for (std::size_t i = 0; i < slope.size(); ++i) slope[i] = static_cast<std::uint8_t>(i / 3 % 32 * 7);
  const Bytes back = decoded(jpeg(32, 16, 3, slope), 3);
  for (std::size_t i = 0; i < slope.size(); ++i) ASSERT_NEAR(back[i], slope[i], 8);
}

TEST(Pictures, ColoursGreyAndTransparency) {
  const Bytes grey = noise(12, 3), rgb = noise(36, 4), rgba = noise(48, 5), pair = noise(24, 6);
  Bytes repeated, brightness, over_black, grey_over_black;
  for (std::size_t i = 0; i < 12; ++i) {
    repeated.insert(repeated.end(), 3, grey[i]);
    brightness.push_back(
        static_cast<std::uint8_t>((77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2]) / 256));
    for (int c = 0; c < 3; ++c)
      over_black.push_back(static_cast<std::uint8_t>(std::lround(rgba[4 * i + c] * rgba[4 * i + 3] / 255.0)));
    grey_over_black.push_back(static_cast<std::uint8_t>(std::lround(pair[2 * i] * pair[2 * i + 1] / 255.0)));
  }
  EXPECT_EQ(decoded(png(4, 3, 1, grey), 3), repeated);
  EXPECT_EQ(decoded(png(4, 3, 3, rgb), 1), brightness);
  EXPECT_EQ(decoded(png(4, 3, 4, rgba), 3), over_black);
  EXPECT_EQ(decoded(png(4, 3, 2, pair), 1), grey_over_black);
  // 16 bits: the upper 8. One row of two pixels, a filter byte before it.
  EXPECT_EQ(decoded(raw_png(2, 1, 16, 0, stored(std::string("\0\x12\x34\xab\xcd", 5))), 1), (Bytes{0x12, 0xab}));
}

// scale_picture by its formula in two dimensions at once, in f64, unrounded.
std::vector<double> scaled_slowly(const Bytes& in, int h, int w, int channels, int height, int width) {
  auto weight = [](int j, int i, double s) {
    return std::max(0.0, 1 - std::abs(j + 0.5 - (i + 0.5) * s) / std::max(s, 1.0));
  };
  std::vector<double> out;
  for (int c = 0; c < channels; ++c)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        double sum = 0, total = 0;
        for (int v = 0; v < h; ++v)
          for (int u = 0; u < w; ++u) {
            const double a = weight(v, y, double(h) / height) * weight(u, x, double(w) / width);
            sum += a * in[(v * w + u) * channels + c];
            total += a;
          }
        out.push_back(sum / total);
      }
  return out;
}

TEST(Pictures, ScaleAsTheFormulaSays) {
  for (auto [h, w] : std::vector<std::pair<int, int>>{{13, 17}, {40, 1}, {1, 40}}) {
    const Bytes in = noise(static_cast<std::size_t>(h * w * 3), 7);
    const Tensor picture = tensor(std::span<const std::uint8_t>(in), {h, w, 3});
    for (auto [height, width] :
         std::vector<std::pair<int, int>>{{13, 17}, {1, 1}, {5, 4}, {13, 3}, {2, 17}, {26, 34}, {31, 8}, {6, 50}}) {
      const Tensor got = scale_picture(picture, height, width);
      ASSERT_EQ(got.shape(), Shape({3, height, width}));
      const std::vector<double> want = scaled_slowly(in, h, w, 3, height, width);
      for (std::size_t i = 0; i < want.size(); ++i)
        ASSERT_LE(std::abs(got.at(static_cast<std::int64_t>(i)) - want[i]), 0.5001)
            << height << " " << width << " " << i;
    }
    const Tensor same = scale_picture(picture, h, w);
    for (int i = 0; i < h * w; ++i)
      for (int c = 0; c < 3; ++c) ASSERT_EQ(same.at(c * h * w + i), in[i * 3 + c]);
  }
}

// PyTorch: interpolate((arange(35).reshape(1, 1, 5, 7) * 37 % 256).double(), size, mode="bilinear", antialias=True)
TEST(Pictures, ScaleAsPyTorchDoes) {
  Bytes in(35);
  for (int i = 0; i < 35; ++i) in[i] = static_cast<std::uint8_t>(i * 37 % 256);
  const Tensor picture = tensor(std::span<const std::uint8_t>(in), {5, 7, 1});
  EXPECT_EQ(scale_picture(picture, 2, 3).to_vector<std::uint8_t>(), (Bytes{35, 114, 193, 41, 120, 199}));
  EXPECT_EQ(scale_picture(picture, 5, 3).to_vector<std::uint8_t>(),
            (Bytes{32, 111, 190, 35, 114, 193, 38, 117, 196, 41, 120, 199, 44, 123, 202}));
  Bytes larger = scale_picture(picture, 8, 9).to_vector<std::uint8_t>();
  larger.resize(9);
  EXPECT_EQ(larger, (Bytes{0, 25, 53, 82, 111, 140, 169, 197, 222}));
}

TEST(Pictures, Refuses) {
  const std::string good = png(8, 8, 3, noise(192, 8)), photo = jpeg(8, 8, 3, noise(192, 8));
  EXPECT_MESSAGE(decode_picture("", "f", 3), "f: is not a PNG or JPEG picture; convert it");
  EXPECT_MESSAGE(decode_picture("GIF89a and more", "f", 3), "f: is not a PNG or JPEG picture");
  EXPECT_MESSAGE(decode_picture(good, "f", 2), "f: a picture has 1 channel (grey) or 3 (RGB), not 2");
  EXPECT_MESSAGE(decode_picture(good.substr(0, 100), "f", 3), "f: is a damaged picture (");
  EXPECT_MESSAGE(decode_picture(photo.substr(0, 30), "f", 3), "f: is not a PNG or JPEG picture");
  EXPECT_MESSAGE(decode_picture(raw_png(8192, 4097, 8, 2, stored("")), "f", 3),
                 "f: 8192 x 4097 pixels; at most 65535 a side and 33554432 in all are unpacked");
  EXPECT_MESSAGE(decode_picture(raw_png(65536, 1, 8, 2, stored("")), "f", 3),
                 "f: 65536 x 1 pixels; at most 65535 a side and");
  EXPECT_MESSAGE(scale_picture(tensor(std::span<const std::uint8_t>(noise(4, 1)), {2, 2}), 1, 1),
                 "scale_picture: a picture is u8 (height, width, channels), got u8 (2, 2)");
  EXPECT_MESSAGE(scale_picture(decode_picture(good, "f", 3), 0, 5), "scale_picture: to 5 x 0 pixels");
  TemporaryFolder t;
  EXPECT_MESSAGE(load_image(t / "none.png", 3, 8, 8), "none.png: No such file or directory");
  put(t / "no.png", "text");
  EXPECT_MESSAGE(load_image(t / "no.png", 3, 8, 8),
                 (t / "no.png").string() + ": is not a PNG or JPEG picture; convert it");
  put(t / "yes.png", good);
  EXPECT_EQ(load_image(t / "yes.png", 1, 4, 6).shape(), Shape({1, 1, 4, 6}));
}

TEST(Pictures, BombsAreRefusedBeforeTheyGoOff) {
  // That this is what a bomb is made of: 40 pixels of it are a picture.
  EXPECT_EQ(decoded(raw_png(40, 1, 8, 0, test::zeros_packed(41)), 1), Bytes(40, 0));
  const std::string small = raw_png(1, 1, 8, 0, test::zeros_packed(std::size_t{1} << 28));  // 1.7 MB to 256 MB
  std::string promise = raw_png(1, 1, 8, 0, stored("\0x"));  // 60 bytes, and a piece of a gigabyte
  promise[33] = 0x3f, promise[34] = promise[35] = promise[36] = static_cast<char>(0xff);
  const long before = test::peak_memory_kb();
  EXPECT_MESSAGE(decode_picture(small, "f", 3), "f: is a damaged picture (");
  EXPECT_MESSAGE(decode_picture(promise, "f", 3), "f: is a damaged picture (");
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 32 * 1024); }
}

TEST(Pictures, ProgressiveJpeg) {
  // Its first scan says 8 times the mean, the later ones only refine.
  EXPECT_EQ(decode_picture(test::progressive_jpeg(1), "f", 1).shape(), Shape({16, 24, 1}));
  EXPECT_NE(decoded(test::progressive_jpeg(1), 1), decoded(test::progressive_jpeg(2), 1));
}

// 257 codes and more, for 256 bytes: stb_image would write behind its table. In the header, and between two scans.
TEST(Pictures, TablesOfTooManyCodesAreRefused) {
  const std::string good = test::progressive_jpeg(1);
  for (const std::size_t from : {std::size_t{0}, good.find("\xff\xda")}) {
    std::string bytes = good;
    const std::size_t table = bytes.find("\xff\xc4", from);
    ASSERT_NE(table, std::string::npos);
    bytes[table + 4 + 9] = '\xff';   // of codes of 9 bits
    bytes[table + 4 + 10] = '\xff';  // of 10
    EXPECT_MESSAGE(decode_picture(bytes, "f", 1), "f: is a damaged picture (a table of ");
    EXPECT_MESSAGE(decode_picture("\xff" + bytes, "f", 1),
                   "f: is a damaged picture (a table of ");  // fill bytes are allowed
  }
}

TEST(Pictures, Fuzz) {
  const std::vector<std::string> seeds = {
      png(5, 4, 3, noise(60, 9)),   png(5, 4, 1, noise(20, 10)),
      png(3, 3, 4, noise(36, 11)),  jpeg(9, 8, 3, noise(216, 12)),
      jpeg(8, 9, 1, noise(72, 13)), test::progressive_jpeg(1),
      test::progressive_jpeg(2),    raw_png(2, 2, 16, 2, stored(std::string(26, '\0')))};
  Random r = Random(14).derive("picture fuzz");
  const long before = test::peak_memory_kb();
  std::int64_t loaded = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    const std::string bytes = test::mutate(seeds[r.below(seeds.size())], r);
    try {
      const Tensor picture = decode_picture(bytes, "f", 1 + 2 * static_cast<std::int64_t>(r.below(2)));
      loaded += picture.numel() > 0;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  }
  EXPECT_GT(loaded, 0);
  // (A damaged size may be a large one: 4 bytes a pixel of stb_image's, 3 of ours.)
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 16 * most_picture_pixels / 1024); }
}

// ---- folders

// birds/ (two pictures, one grey, one JPEG), ants/ (one), and what is to be left alone.
void fill(const TemporaryFolder& t) {
  for (const char* folder : {"birds", "ants", ".hidden"}) std::filesystem::create_directory(t / folder);
  put(t / "birds/b.png", png(6, 6, 1, Bytes(36, 10)));
  put(t / "birds/a.jpeg", jpeg(16, 8, 3, Bytes(384, 250)));
  put(t / "ants/Z.PNG", png(3, 2, 3, noise(18, 15)));
  put(t / "birds/.DS_Store", "no picture");
  put(t / "README.txt", "no picture");
  put(t / ".hidden/x", "no picture");
}

TEST(ImageFolder, ClassesAndPicturesComeInOrder) {
  TemporaryFolder t;
  fill(t);
  const Dataset d = load_image_folder(t.path(), {3, 2, 3});
  check(d);
  EXPECT_EQ(d.classes, (std::vector<std::string>{"ants", "birds"}));
  EXPECT_EQ(d.name, t.path().filename().string());
  EXPECT_EQ(load_image_folder(t / "", {1, 1, 1}).name, d.name);
  EXPECT_EQ(d.labels.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 1}));
  ASSERT_EQ(d.inputs.shape(), Shape({3, 3, 2, 3}));
  const Bytes ant = noise(18, 15);
  for (int i = 0; i < 6; ++i)
    for (int c = 0; c < 3; ++c) EXPECT_EQ(d.inputs.at(c * 6 + i), ant[i * 3 + c]);
  for (int i = 0; i < 18; ++i) {
    EXPECT_NEAR(d.inputs.at(18 + i), 250, 2);  // a.jpeg before b.png
    EXPECT_EQ(d.inputs.at(36 + i), 10);
  }
}

TEST(ImageFolder, ThreadsDoNotMatter) {
  TemporaryFolder t;
  for (int i = 0; i < 40; ++i) {
    std::filesystem::create_directories(t / fmt::format("{}", i % 3));
    put(t / fmt::format("{}/{}.png", i % 3, i),
        png(9 + i, 40 - i, 3, noise(static_cast<std::size_t>((9 + i) * (40 - i) * 3), 16 + i)));
  }
  const Bytes one = load_image_folder(t.path(), {3, 8, 8}).inputs.to_vector<std::uint8_t>();
  for (int n : {2, 5}) {
    set_threads(n);
    EXPECT_EQ(load_image_folder(t.path(), {3, 8, 8}).inputs.to_vector<std::uint8_t>(), one);
  }
  set_threads(1);
}

TEST(ImageFolder, Refuses) {
  TemporaryFolder t;
  const std::string at = t.path().string();
  const auto load = [&] { load_image_folder(t.path(), {3, 4, 4}); };
  EXPECT_MESSAGE(load_image_folder(t / "none", {3, 4, 4}),
                 "none: No such file or directory; name a folder that holds one folder a class");
  EXPECT_MESSAGE(load(), "image folder: " + at + " holds no folder; there must be two or more, one folder a class");
  std::filesystem::create_directories(t / "cat");
  EXPECT_MESSAGE(load(), "image folder: class " + at + "/cat has no pictures; put some in, or remove it");
  put(t / "cat/1.png", png(4, 4, 3, noise(48, 17)));
  EXPECT_MESSAGE(load(), "image folder: " + at + " holds one class, \"cat\"; there must be two or more");
  std::filesystem::create_directories(t / "dog");
  put(t / "dog/notes.txt", "woof");
  EXPECT_MESSAGE(load(), at + "/dog/notes.txt: is not a PNG or JPEG picture; convert it");
  std::filesystem::remove(t / "dog/notes.txt");
  std::filesystem::create_directories(t / "dog/more");
  EXPECT_MESSAGE(load(), at + "/dog/more: it is a folder; name a file");
  std::filesystem::remove(t / "dog/more");
  put(t / "dog/1.png", png(4, 4, 3, noise(48, 18)).substr(0, 80));
  EXPECT_MESSAGE(load(), at + "/dog/1.png: is a damaged picture (");
  EXPECT_MESSAGE(load_image_folder(t.path(), {2, 4, 4}), "image folder: pictures of 2 x 4 x 4; take 1 or 3 channels");
  EXPECT_MESSAGE(load_image_folder(t.path(), {3, 0, 4}), "image folder: pictures of 3 x 0 x 4;");
  EXPECT_MESSAGE(load_image_folder(t.path(), {3, 100000, 100000}), "at most 33554432 pixels");
  for (int i = 0; i < 50; ++i) put(t / fmt::format("cat/x{}", i), "");
  EXPECT_MESSAGE(load_image_folder(t.path(), {3, 5792, 5792}),
                 "has 52 pictures, at 3 x 5792 x 5792 bytes more than 4294967296 in all; take a smaller size");
  EXPECT_MESSAGE(load_image_folder(t / "cat/1.png", {3, 4, 4}), "name a folder that holds one folder a class");
}

}  // namespace
}  // namespace bonsai::datasets

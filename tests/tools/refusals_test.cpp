// What bad input gets from the tools: one line, exit 2, no file, and the input as it was.
#include <limits>

#include "tests/tools/support.h"

namespace bonsai::test {
namespace {

class ToolRefusals : public ::testing::Test {
 protected:
  const TemporaryFolder at;
  const fs::path in = at / "in", out = at / "out";
  std::string bytes;
  void SetUp() override {
    store(in, {normal("fc1.weight", "F32", {6, 8}, 1), normal("fc1.bias", "F32", {6}, 2), normal("fc2.weight", "F16", {4, 6}, 3)});
    bytes = get(in);
  }
  // IN OUT and these must be refused, with these words; nothing else may be there afterwards.
  void refused(std::vector<std::string> args, const std::string& says, rlim_t file_size = 0) {
    const auto before = at.entries();
    args.insert(args.begin(), {in, out});
    expect_refused(tool("prune_checkpoint", args, file_size), says, "prune_checkpoint");
    EXPECT_EQ(at.entries(), before) << says;
    EXPECT_FALSE(fs::exists(out)) << says;
    EXPECT_EQ(get(in), bytes);
  }
  void file(const std::string& what) { put(in, bytes = what); }
};

TEST_F(ToolRefusals, Questions) {
  refused({"--sparsity", "90"}, "--sparsity: 90 is not between 0 and 1; did you mean 0.9?");
  refused({"--sparsity", "-0.1"}, "--sparsity: -0.1 is not between 0 and 1");
  refused({"--sparsity", "nan"}, "--sparsity: nan is not between 0 and 1");
  refused({}, "how much? --sparsity 0.9 removes 90%");
  refused({"--sparsity", "0.5", "--criterion", "obd"}, "--criterion: \"obd\" is not one of magnitude|random|lp-filter|fpgm|wanda|sparsegpt");
  refused({"--sparsity", "0.5", "--granularity", "channel"}, "--granularity: \"channel\" is not one of weight|filter|N:M|block");
  refused({"--sparsity", "0.5", "--granularity", "N:M"}, "\"N:M\" is no N:M pattern; it is N kept of every M");
  refused({"--granularity", "5:4"}, "\"5:4\" is no N:M pattern");
  refused({"--granularity", "2:4", "--sparsity", "0.9"}, "--sparsity 0.9: 2:4 removes 0.5; leave the option out");
  refused({"--granularity", "2:4", "--scope", "row"}, "--scope row: 2:4 decides in each group of 4 weights by itself");
  refused({"--granularity", "filter", "--scope", "row", "--sparsity", "0.5"}, "--scope row: is for single weights");
  refused({"--granularity", "block", "--block", "4", "--sparsity", "0.5"}, "--block: \"4\" is no size, such as 4x4");
  refused({"--criterion", "fpgm", "--scope", "global", "--sparsity", "0.5"}, "--scope global: fpgm knows layer");
  refused({"--criterion", "lp-filter", "--granularity", "weight", "--sparsity", "0.5"}, "--granularity weight: lp-filter knows filter");
  refused({"--p", "2", "--sparsity", "0.5"}, "--p: belongs to lp-filter, not to magnitude");
  refused({"--criterion", "wanda", "--sparsity", "0.5"}, "wanda needs to see what goes into each layer: --calibration FILE");
  refused({"--calibration", in, "--sparsity", "0.5"}, "--calibration: magnitude does not look at activations");
  refused({"--sparsity", "0.5", "--include", "fc3"}, "--include: \"fc3\" is found in no tensor's name of");
  refused({"--sparsity", "0.5", "--exclude", "embed"}, "--exclude: \"embed\" is found in no tensor's name of");
  refused({"--sparsity", "0.5", "--include", "bias"}, "leave no floating tensor of two axes or more to prune");
  refused({"--sparsity", "0.5", "--include", "fc("}, "--include: \"fc(\" is no regular expression");
  refused({"--sparsity", "0.5", "--exclude", "[b-a]"}, "--exclude: \"[b-a]\" is no regular expression");
  refused({"--sparsity", "0.5", "--speed"}, "--help lists the options");
  expect_refused(tool("prune_checkpoint", {in, "--sparsity", "0.5"}), "name a file for the result, or look first with --dry-run", "prune_checkpoint");
  expect_refused(tool("prune_checkpoint", {}), "name a safetensors file", "prune_checkpoint");
  expect_refused(tool("prune_checkpoint", {at / "nothing", out, "--sparsity", "0.5"}), "nothing: No such file or directory", "prune_checkpoint");
}

TEST_F(ToolRefusals, WhatWouldLeaveNothing) {
  const std::string says = "would be left with nothing by a sparsity of";
  refused({"--sparsity", "1"},
          "tensor \"fc1.weight\" (6, 8) would be left with nothing by a sparsity of 1; ask for less, --exclude it, or say --allow-empty");
  refused({"--sparsity", "0.99"}, says);                                             // 47.5 of 48 are 48
  refused({"--sparsity", "0.95", "--scope", "row"}, says);                           // 7.6 of 8 are 8
  refused({"--sparsity", "0.95", "--criterion", "fpgm"}, says);                      // 5.7 of 6 filters
  refused({"--sparsity", "0.9", "--granularity", "block", "--block", "6x8"}, says);  // 0.9 of 1 block
  store(in, {{"large", "F32", {2, 2}, {9, 9, 9, 9}}, {"small", "F32", {2, 2}, {1, 1, 1, 1}}});
  bytes = get(in);
  refused({"--sparsity", "0.5", "--scope", "global"}, "tensor \"small\" (2, 2) would be left with nothing");
  const Outcome o = tool("prune_checkpoint", {in, out, "--sparsity", "0.5", "--scope", "global", "--allow-empty", "--report", at / "report"});
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("  empty\n"), std::string::npos) << o.out;
  EXPECT_NE(get(at / "report").find("\"empty\": true"), std::string::npos);
  EXPECT_EQ(load_safetensors(out).at("small").to_vector<float>(), std::vector<float>(4, 0));
  EXPECT_EQ(load_safetensors(out).at("large").to_vector<float>(), std::vector<float>(4, 9));
}

TEST_F(ToolRefusals, FilesThatLie) {
  const std::string good = bytes;
  const SafeTensorsFile f(in);
  const std::string header = f.header(), data = bytes.substr(header.size());
  auto with = [&](std::string text, std::string more = "") {  // another header
    text.resize(std::max(text.size(), header.size() - 8), ' ');
    const std::uint64_t length = text.size();
    file(std::string(reinterpret_cast<const char*>(&length), 8) + text + data + more);
  };
  auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = header.substr(8);
    text.replace(text.find(from), from.size(), to);
    with(text);
  };
  const std::vector<std::string> half{"--sparsity", "0.5"};
  file(good.substr(0, good.size() - 1)),
      refused(half, "in: tensor \"fc2.weight\": data_offsets [216, 264] go beyond the file's 263 bytes of data; it is cut short or damaged");
  file(good + "x"), refused(half, "1 bytes at the end belong to no tensor");
  file(std::string(8, '\xff') + "{}"), refused(half, "a header of 18446744073709551615 bytes");
  file(""), refused(half, "0 bytes are too few for a safetensors file");
  changed("[216,264]", "[212,260]"), refused(half, "inside the tensor before, which ends at 216");
  changed("[6,8]", "[6,9]"), refused(half, "shape [6, 9] of F32 takes 216 bytes, but data_offsets [0, 192] hold 192");
  changed("\"F16\"", "\"F8_E4M3\""), refused(half, "tensor \"fc2.weight\": dtype \"F8_E4M3\" is not supported");
  changed("fc2.weight", "fc1.weight"), refused(half, "the name \"fc1.weight\" comes twice");
  with(header.substr(8), "gap"), refused(half, "3 bytes at the end belong to no tensor");
  for (const char* program : {"prune_checkpoint", "inspect"})
    expect_refused(tool(program, {in, "--threads", "1"}), program == std::string("inspect") ? "3 bytes at the end" : "how much?", program);
  fs::remove(in), fs::create_directory(in);
  expect_refused(tool("inspect", {in}), "it is a folder; name a file", "inspect");
}

TEST_F(ToolRefusals, WeightsThatAreNoNumbers) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()})
    for (const std::string dtype : {"F32", "F64", "BF16"})
      for (const std::vector<std::string>& how : std::vector<std::vector<std::string>>{{"--sparsity", "0.5"},
                                                                                       {"--sparsity", "0.5", "--scope", "global"},
                                                                                       {"--sparsity", "0.5", "--scope", "row"},
                                                                                       {"--granularity", "2:4"},
                                                                                       {"--criterion", "fpgm", "--sparsity", "0.5"}}) {
        Stored w = normal("w", dtype, {4, 8}, 1);
        w.values[13] = bad;
        if (dtype == "BF16" && std::isnan(bad)) w.values[13] = 0;
        store(in, {normal("good", "F32", {4, 8}, 2), w});
        bytes = get(in);
        if (dtype == "BF16" && std::isnan(bad))
          bytes[bytes.size() - 2 * (32 - 13) + 1] = '\x7f', bytes[bytes.size() - 2 * (32 - 13)] = '\xc0', put(in, bytes);
        refused(how, fmt::format("tensor \"w\" (4, 8) holds {} at index 13; weights must be finite numbers", bad));
      }
}

TEST_F(ToolRefusals, PatternsThatDoNotFit) {
  refused({"--granularity", "2:4"}, "\"fc2.weight\" (4, 6) cannot be pruned to 2:4: its input dimension 6 is no multiple of 4; --exclude it");
  EXPECT_EQ(tool("prune_checkpoint", {in, out, "--granularity", "2:4", "--exclude", "fc2"}).status, 0);
}

TEST_F(ToolRefusals, CalibrationThatDoesNotFit) {
  const fs::path c = at / "c";
  for (const std::string criterion : {"wanda", "sparsegpt"}) {
    const std::vector<std::string> ask{"--criterion", criterion, "--sparsity", "0.5", "--calibration", c};
    auto calibration = [&](std::vector<Stored> all) { store(c, all); };
    const Stored one = normal("fc1.weight.input", "F32", {30, 8}, 4), two = normal("fc2.weight.input", "F32", {30, 6}, 5);
    calibration({one}),
        refused(ask, "c: has no tensor \"fc2.weight.input\" (tokens, 6) for the weight (4, 6); --exclude the weight, or record its inputs");
    calibration({one, normal("fc2.weight.input", "F32", {30, 7}, 5)});
    refused(ask, "\"fc2.weight.input\" is F32 (30, 7), but the weight (4, 6) needs (tokens, 6) of real numbers");
    calibration({one, normal("fc2.weight.input", "F32", {5, 6, 6}, 5)}), refused(ask, "is F32 (5, 6, 6)");
    calibration({one, {"fc2.weight.input", "I64", {1, 6}, {1, 2, 3, 4, 5, 6}}}), refused(ask, "is I64 (1, 6)");
    calibration({one, {"fc2.weight.input", "F32", {0, 6}, {}}}), refused(ask, "is F32 (0, 6)");
    Stored bad = two;
    bad.values[9] = std::nan("");
    calibration({one, bad}), refused(ask, "c: tensor \"fc2.weight.input\" (30, 6) holds nan at index 9");
    put(c, get(c).substr(0, 100)), refused(ask, "c: a header of");
    calibration({one, two});
    refused({"--criterion", criterion, "--sparsity", "0.5", "--calibration", c, "--masks", c}, "is --calibration itself");
  }
}

TEST_F(ToolRefusals, OutputsThatAreInputs) {
  const auto same = [&](const std::string& output, std::vector<std::string> more, const std::string& says) {
    std::vector<std::string> args{in, output, "--sparsity", "0.5"};
    args.insert(args.end(), more.begin(), more.end());
    expect_refused(tool("prune_checkpoint", args), says, "prune_checkpoint");
    EXPECT_EQ(get(in), bytes);
  };
  same(in, {}, "is the input itself; choose another name");
  same((at / ".").string() + "/./in", {}, "is the input itself");
  fs::create_symlink(in, at / "link"), same(at / "link", {}, "is the input itself");
  fs::create_hard_link(in, at / "hard"), same(at / "hard", {}, "is the input itself");
  fs::create_directory_symlink(at.path(), at / "folder"), same(at / "folder/in", {}, "is the input itself");
  same(out, {"--masks", in}, "--masks");
  same(out, {"--report", in}, "--report");
  same(out, {"--masks", out}, "is the output itself");
  same(out, {"--masks", at / "m", "--report", at / "folder/m"}, "is --masks itself");
  same("/dev/full", {}, "writing /dev/full: it is not a regular file; choose another name");
  same("/proc/nothing", {}, "writing /proc/nothing");
  same(at / "none/out", {}, "create the folder first");
  same(out, {"--masks", at / "none/m"}, "create the folder first");
  same(at.path(), {}, "Is a directory; remove or rename the folder of that name");
  EXPECT_FALSE(fs::exists(out));
  EXPECT_EQ(at.entries(), 4);  // in, link, hard, folder
}

TEST_F(ToolRefusals, AFullDisk) {
  const std::string says = "free some space or choose another disk";
  store(in, {normal("w", "F32", {300, 400}, 1)});
  bytes = get(in);
  refused({"--sparsity", "0.5"}, says, 400'000);
  refused({"--sparsity", "0.5", "--masks", at / "masks"}, says, 400'000);
  store(in, {normal("w", "F64", {300, 400}, 1), normal("v", "BF16", {3, 4}, 1)});
  bytes = get(in);
  refused({"--sparsity", "0.5", "--criterion", "fpgm", "--report", at / "report"}, says, 1000);
}

}  // namespace
}  // namespace bonsai::test

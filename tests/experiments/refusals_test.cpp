// What a user can get wrong: one line on stderr that says what to do, exit 2, and not a byte written.
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

// Refused before any data is read: an empty data directory shows it.
TEST(refusals, command_line) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--speed", "9"}, "--speed"},
      {{"--speed", "9"}, "--help lists the options"},
      {{"mnist"}, "mnist"},
      {{"--iterations"}, "--iterations"},
      {{"--iterations", "1e3"}, "--iterations"},
      {{"--iterations", "many"}, "many"},
      {{"--iterations", "0"}, "--iterations: 0 is not between 1 and"},
      {{"--iterations", "99999999999999999999"}, "--iterations"},
      {{"--rounds", "-1"}, "--rounds: -1 is not between 0 and 60"},
      {{"--rounds", "61"}, "--rounds"},
      {{"--batch", "0"}, "--batch: 0 is not between 1 and"},
      {{"--trials", "0"}, "--trials"},
      {{"--reinits", "0"}, "--reinits"},
      {{"--seed", "-1"}, "--seed"},
      {{"--lr", "-0.1"}, "--lr: -0.1 is not between"},
      {{"--lr", "nan"}, "--lr: nan is not between"},
      {{"--lr", "inf"}, "--lr: inf is not between"},
      {{"--prune-rate", "20"}, "--prune-rate: 20 is not between 0 and 1; did you mean 0.2?"},
      {{"--prune-rate-output", "10"}, "did you mean 0.1?"},
      {{"--prune-rate", "-0.2"}, "--prune-rate: -0.2 is not between 0 and 1"},
      {{"--prune-rate", "200"}, "--prune-rate: 200 is not between 0 and 1"},
      {{"--prune-rate", "1"}, "--prune-rate 1: 15 rounds leave nothing of fc1.weight; a smaller rate or fewer rounds"},
      {{"--prune-rate-output", "1", "--rounds", "1"}, "--prune-rate-output 1: 1 rounds leave nothing of fc3.weight"},
      {{"--prune-rate", "0.9", "--rounds", "60"}, "leave nothing of fc"},
      {{"--rewind", "-5"}, "--rewind"},
      {{"--rewind", "4000"}, "--rewind 4000: a training has only 4000 iterations"},
      {{"--quick", "--rewind", "3000"}, "--rewind 3000: a training has only 1000 iterations"},
      {{"--evaluate-every", "0"}, "--evaluate-every"},
      {{"--checkpoint-every", "0"}, "--checkpoint-every"},
      {{"--validation", "0"}, "--validation"},
      {{"--validation", "30001"}, "--validation: 30001 is not between 1 and 30000"},
      {{"--arms", "ticket,golden"}, "--arms: \"golden\" is not one of ticket, reinit, random, oneshot"},
      {{"--arms", "ticket,ticket"}, "named twice"},
      {{"--arms", "ticket,continued"}, "--arms: \"continued\" is not one of"},
      {{"--strategy", "forget"}, "--strategy: \"forget\" is not one of reset|continue"},
      {{"--arms", "reinit"}, "the ticket must be among them"},
      {{"--arms", ""}, "--arms"},
      {{"--criterion", "obs9"}, "magnitude"},
      {{"--criterion", "movement"}, "--criterion movement: scores a whole training"},
      {{"--criterion", "obs"}, "--criterion obs: moves the weights that stay"},
      {{"--criterion", "obd"}, "266200 weights"},
      {{"--dataset", "imagenet"}, "--dataset: \"imagenet\" is not one of mnist|fashion-mnist"},
      {{"--dataset", "two\nlines"}, "--dataset"},
      {{"--quick", "--paper"}, "--paper"},
      {{"--jobs", "-1"}, "--jobs: -1 is not between"},
      {{"--jobs", "1000"}, "--jobs: 1000 is not between"},
      {{"--threads", "0"}, "--threads: 0 is not between 1 and 256"},
      {{"--sparse-threshold", "90"}, "--sparse-threshold: 90 is not between 0 and 1; did you mean 0.9?"},
      {{"--sparse-threshold", "-0.1"}, "--sparse-threshold: -0.1 is not between 0 and 1"},
      {{"--sparse-threshold", "nan"}, "--sparse-threshold: nan is not between 0 and 1"},
      {{"--sparse-threshold", "half"}, "--sparse-threshold: \"half\" is not a density, such as 0.3, nor table"},
      {{"--sparse-threshold", "0.5x"}, "--sparse-threshold: \"0.5x\" is not a density"},
      {{"--sparse-threshold", ""}, "--sparse-threshold"},
      {{"--device", "tpu"}, "--device: \"tpu\" is not one of cpu|cuda|emulator"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(run({.args = args}), c.says);
    EXPECT_EQ(at.entries(), 0);
  }
}

TEST(refusals, help_is_not_one) {
  const Outcome o = run({.args = {"--help"}});
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.err, "");
  for (const char* says : {"Frankle and Carbin (ICLR 2019)", "--iterations", "[4000; quick 1000, paper 50000]",
                           "[0.0012]", "--resume", "--out DIR", "--data-dir"})
    EXPECT_NE(o.out.find(says), std::string::npos) << says << "\n" << o.out;
}

TEST(refusals, data) {
  const TemporaryFolder at;
  auto lth = [&] { return run({.args = {"--quick", "--data-dir", at / "data", "--out", at / "out"}}); };
  expect_refused(
      lth(), (at / "data/mnist/train-images-idx3-ubyte").string() + " is missing; fetch it with ./bonsai data mnist");
  EXPECT_FALSE(fs::exists(at / "out"));
  const Outcome by_environment = run({.args = {"--quick", "--dataset", "fashion-mnist", "--out", at / "out"},
                                      .environment = {{"BONSAI_DATA", at / "elsewhere"}}});
  expect_refused(by_environment, (at / "elsewhere/fashion-mnist/train-images-idx3-ubyte").string() +
                                     " is missing; fetch it with ./bonsai data fashion-mnist");

  NEEDS_MNIST();
  fs::create_directory(at / "data");
  fs::copy(datasets::data_directory("") / "mnist", at / "data/mnist", fs::copy_options::recursive);
  const fs::path labels = at / "data/mnist/train-labels-idx1-ubyte", images = at / "data/mnist/t10k-images-idx3-ubyte";
  std::string bytes = get(labels);
  bytes[4711] ^= 1;
  put(labels, bytes);
  expect_refused(lth(), "is not the published file (its SHA-256 is ");
  bytes[4711] ^= 1;
  put(labels, bytes);
  put(images, get(images).substr(0, 100'000));
  expect_refused(lth(), "it is cut short, fetch it again with ./bonsai data mnist");
  EXPECT_FALSE(fs::exists(at / "out"));
}

TEST(refusals, no_gnuplot) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = run({.args = {"--quick", "--out", at / "out"}, .environment = {{"PATH", at / "nothing"}}});
  expect_refused(o, "gnuplot is not installed, and the figures need it; ./bonsai setup installs it");
  EXPECT_FALSE(fs::exists(at / "out"));
}

TEST(refusals, folders_that_cannot_be_made) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  expect_refused(run({.args = {"--quick", "--out", "/proc/bonsai/run"}}), "creating the folder /proc/bonsai");
  put(at / "file", "mine");
  expect_refused(run({.args = {"--quick", "--out", at / "file/run"}}), "file");
  expect_refused(run({.args = {"--quick", "--out", at / std::string(300, 'x')}}), "choose");
  EXPECT_EQ(get(at / "file"), "mine");
  if (::geteuid() == 0) return;  // root may write everywhere
  fs::create_directory(at / "closed");
  fs::permissions(at / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  expect_refused(run({.args = {"--quick", "--out", at / "closed/run"}}),
                 "change its permissions or choose another place");
}

}  // namespace
}  // namespace bonsai::test

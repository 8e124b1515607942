// A run that is killed and taken up leaves the same bytes as one that was never stopped; and a folder is only ever
// taken up by the run that it belongs to.
#include <sys/mount.h>

#include "tests/experiments/killing.h"

namespace bonsai::test {
namespace {

// Half of the weights go in each round, so that later levels are packed.
TEST(resume, after_kills) {
  NEEDS_MNIST();
  kill_and_compare({"--iterations", sanitized ? "90" : "300", "--rounds", "2", "--evaluate-every",
                    sanitized ? "300" : "100", "--validation", "500", "--checkpoint-every", "40", "--prune-rate", "0.5"},
                   1);
}

TEST(resume, after_kills_with_rewinding_trials_and_all_arms) {
  NEEDS_MNIST();
  kill_and_compare({"--iterations", "100", "--rounds", "2", "--evaluate-every", sanitized ? "100" : "50",
                    "--validation", "500", "--checkpoint-every", "10", "--rewind", "35", "--trials",
                    sanitized ? "1" : "2", "--arms", "ticket,reinit,oneshot", "--sparse-threshold", "1"},
                   2);
}

TEST(resume, after_kills_with_a_chain_that_goes_on) {
  NEEDS_MNIST();
  kill_and_compare({"--iterations", "100", "--rounds", "2", "--evaluate-every", "100", "--validation", "500", "--checkpoint-every", "10", "--rewind", "35",
                    "--strategy", "continue", "--arms", "ticket,random"},
                   3);
}

TEST(resume, any_folder_and_refused_ones) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  auto lth = [&](std::vector<std::string> more) {
    std::vector<std::string> args{"--iterations", "20",           "--rounds", "1",      "--evaluate-every",
                                  "20",           "--validation", "500",      "--arms", "ticket"};
    args.insert(args.end(), more.begin(), more.end());
    return run({.args = args, .folder = at.path()});
  };
  const fs::path a = at / "a";
  ASSERT_EQ(lth({"--out", "a", "--resume"}).status, 0);  // a folder that is not there yet
  fs::create_directory(at / "b");
  ASSERT_EQ(lth({"--out", "b", "--resume"}).status, 0);  // an empty one
  expect_same(at / "b", a);
  const auto finished = contents(a);

  // A finished run: nothing changes, and it is shown again, whatever the jobs.
  const Outcome again = lth({"--out", "a", "--resume", "--jobs", "1", "--threads", "2"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(again.out.starts_with(finished.at("table.txt"))) << again.out;
  EXPECT_TRUE(contents(a) == finished);
  expect_refused(lth({"--out", "a"}),
                 "holds a finished run; --resume goes on with it, or choose another folder with --out");

  // Half-made: without --resume refused; with it, finished.
  fs::remove(a / "summary.json");
  fs::remove(a / "parts/trial00-ticket0-level01.csv");
  put(a / ".results.csv.77.0.partial", "left by a kill");
  put(a / "parts/.x.csv.77.0.partial", "left by a kill");
  expect_refused(lth({"--out", "a"}), "holds an unfinished run; --resume goes on with it");
  EXPECT_EQ(lth({"--out", "a", "--resume"}).status, 0);
  expect_same(a, at / "b");

  // Other settings are named; nothing is touched.
  const auto before = contents(a);
  expect_refused(lth({"--out", "a", "--resume", "--lr", "0.01", "--seed", "9"}),
                 "holds a run with other settings: seed is 1 there, 9 here; lr is 0.0012 there, 0.01 here");
  expect_refused(lth({"--out", "a", "--resume", "--quick"}), "size is \"default\" there, \"quick\" here");
  expect_refused(lth({"--out", "a", "--resume", "--sparse-threshold", "0.5"}),
                 "holds a run with other settings: sparse-threshold is \"table\" there, 0.5 here; sparse-table is [{");
  // Folders of others.
  fs::create_directory(at / "thesis");
  put(at / "thesis/chapter1.tex", "years of work");
  expect_refused(lth({"--out", "thesis", "--resume"}), "holds \"chapter1.tex\" and no run; choose an empty folder");
  EXPECT_EQ(contents(at / "thesis").size(), 1u);
  fs::create_directory(at / "odd");
  for (const char* config :
       {"", "[]", "{}", "{\"settings\": 3}", "{\"settings\": {\"program\": \"lth_cifar\"}}", "\xff\xfe garbage"}) {
    put(at / "odd/config.json", config);
    expect_refused(lth({"--out", "odd", "--resume"}), "odd");
    EXPECT_EQ(get(at / "odd/config.json"), config);
    EXPECT_EQ(contents(at / "odd").size(), 1u);
  }
  put(at / "file", "");
  expect_refused(lth({"--out", "file"}), "--out file: is not a folder");
  EXPECT_TRUE(contents(a) == before);
}

TEST(resume, default_folder) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  auto lth = [&](std::vector<std::string> more) {
    std::vector<std::string> args{"--quick", "--iterations", "20", "--rounds", "0"};
    args.insert(args.end(), more.begin(), more.end());
    return run({.args = args, .folder = at.path()});
  };
  const Outcome first = lth({});
  ASSERT_EQ(first.status, 0) << first.err;
  const fs::path a = at.path() / "runs" / fs::read_symlink(at / "runs/latest");
  EXPECT_TRUE(a.filename().string().starts_with("lth_mnist-mnist-quick-1-")) << "a hash of the changed settings: " << a;
  EXPECT_EQ(a.filename().string().size(), std::string("lth_mnist-mnist-quick-1-").size() + 8);
  const auto before = contents(a);
  const Outcome again = lth({});  // its summary once more
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(again.out.starts_with(before.at("table.txt"))) << again.out;
  EXPECT_TRUE(contents(a) == before);

  ASSERT_EQ(lth({"--lr", "0.01"}).status, 0);  // other settings: another folder
  const fs::path b = at.path() / "runs" / fs::read_symlink(at / "runs/latest");
  EXPECT_NE(a, b);
  ASSERT_EQ(lth({}).status, 0);
  EXPECT_EQ(at.path() / "runs" / fs::read_symlink(at / "runs/latest"), a)
      << "latest is the one that was asked for last";
  fs::remove(b / "summary.json");
  expect_refused(lth({"--lr", "0.01"}), "holds an unfinished run; --resume goes on with it");
  EXPECT_EQ(lth({"--lr", "0.01", "--resume"}).status, 0);
}

// What an earlier run has left is damaged: refused by name, and nothing is written over.
TEST(resume, damaged_parts_and_checkpoints) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  std::vector<std::string> args = small({"--out", at / "a", "--resume", "--checkpoint-every", "20", "--rewind", "10"});
  ASSERT_EQ(run({.args = args}).status, 0);
  const std::string part = "parts/trial00-ticket0-level00.csv",
                    checkpoint = "checkpoints/trial00-ticket0-level00.safetensors",
                    kept = "checkpoints/trial00-ticket0-level00-step10.safetensors",
                    partial = "parts/trial00-ticket0-level02.safetensors";
  const std::string good_part = get(at / "a" / part), good_checkpoint = get(at / "a" / checkpoint);
  const std::string last_row = good_part.substr(good_part.rfind('\n', good_part.size() - 2) + 1);
  std::string other_shape = good_checkpoint;
  other_shape.replace(other_shape.find("[300,784]"), 9, "[784,300]");
  const std::vector<std::pair<std::string, std::string>> damages{
      {part, "garbage\n"},
      {part, good_part + "garbage"},
      {part, good_part.substr(0, good_part.size() / 2)},
      {part, good_part.substr(0, good_part.size() - last_row.size())},
      {part, good_part + last_row},
      {part, std::string(100, '\0')},
      {part, "0,ticket,0,0,1,nan,,,,\n"},
      {"parts/trial00-reinit0-level01.csv", good_part},  // another's rows
      {checkpoint, ""},
      {checkpoint, good_checkpoint.substr(0, 1000)},
      {checkpoint, std::string(5000, '\xff')},
      {checkpoint, other_shape},
      {kept, good_checkpoint.substr(0, good_checkpoint.size() - 1)},
      {partial, good_checkpoint},
      {partial, good_checkpoint.substr(0, 70)}};
  fs::remove(at / "a/summary.json");
  fs::remove(at / "a/parts/trial00-ticket0-level02.csv");
  const std::string results = get(at / "a/results.csv");
  put(at / "a/results.csv", results.substr(0, results.find("0,ticket,0,2,")));  // as a kill there leaves it
  const fs::path b = at / "b";
  args[std::find(args.begin(), args.end(), (at / "a").string()) - args.begin()] = b;
  for (std::size_t i = 0; i < damages.size(); ++i) {
    SCOPED_TRACE(fmt::format("damage {} of {}", i, damages[i].first));
    fs::remove_all(b);
    fs::copy(at / "a", b, fs::copy_options::recursive);
    put(b / damages[i].first, damages[i].second);
    const auto before = contents(b);
    const Outcome o = run({.args = args});
    EXPECT_EQ(o.status, 2);
    EXPECT_TRUE(o.err.ends_with("; start again in another folder with --out\n")) << o.err;
    EXPECT_NE(o.err.find("lth_mnist: " + (b / damages[i].first).string() + ": cannot be taken over ("),
              std::string::npos)
        << o.err;
    for (auto& [name, bytes] : before) EXPECT_TRUE(get(b / name) == bytes) << name << " was written over";
  }
}

// No place left: one line, and with more place the run goes on.
TEST(resume, after_a_full_disk) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  ASSERT_EQ(run({.args = small({"--out", at / "reference"})}).status, 0);
  const Outcome limited =
      run({.args = small({"--out", at / "a", "--resume"}), .file_size = 100'000});  // as `ulimit -f` does
  EXPECT_EQ(limited.status, 2);
  EXPECT_NE(limited.err.find("lth_mnist: writing "), std::string::npos) << limited.err;
  EXPECT_NE(limited.err.find("free some space or choose another disk"), std::string::npos) << limited.err;
  EXPECT_EQ(run({.args = small({"--out", at / "a", "--resume"})}).status, 0);
  expect_same(at / "a", at / "reference");

  fs::create_directory(at / "disk");
  if (::mount("bonsai", (at / "disk").c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "a small disk cannot be mounted here; a file size limit was tested";
  const Outcome full = run({.args = small({"--out", at / "disk/a", "--resume"})});
  EXPECT_EQ(full.status, 2);
  EXPECT_NE(full.err.find("No space left on device; free some space"), std::string::npos) << full.err;
  const bool larger = ::mount("bonsai", (at / "disk").c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0;
  EXPECT_TRUE(larger);
  if (larger) {
    EXPECT_EQ(run({.args = small({"--out", at / "disk/a", "--resume"})}).status, 0);
    expect_same(at / "disk/a", at / "reference");
  }
  ::umount2((at / "disk").c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace bonsai::test

// prune_checkpoint's masks against those of torch.nn.utils.prune (golden.py), on numbers without ties.
#include "tests/tools/golden_values.h"

#include <fmt/ranges.h>

#include "tests/tools/support.h"

namespace bonsai::test {
namespace {

TEST(PruneCheckpointGolden, ThePeersMasks) {
  const TemporaryFolder at;
  for (const GoldenCall& call : golden_calls) {
    std::vector<Stored> all;
    for (std::size_t k = 0; k < call.shapes.size(); ++k) {
      all.push_back({fmt::format("w{}", k), "F32", Shape(std::span<const std::int64_t>(call.shapes[k])), {}});
      for (std::int64_t i = 0; i < all[k].shape.numel(); ++i)
        all[k].values.push_back(std::sin(1.3 * static_cast<double>(i) + static_cast<double>(k) + 1));
    }
    store(at / "in", all);
    std::vector<std::string> args{at / "in", at / "out", "--masks", at / "masks"};
    args.insert(args.end(), call.arguments.begin(), call.arguments.end());
    const Outcome o = prune_checkpoint(args);
    ASSERT_EQ(o.status, 0) << o.err;
    const SafeTensors masks = load_safetensors(at / "masks"), out = load_safetensors(at / "out");
    for (std::size_t k = 0; k < all.size(); ++k) {
      std::string digits;
      for (const std::uint8_t m : masks.at(all[k].name + ".mask").to_vector<std::uint8_t>()) digits += m ? '1' : '0';
      EXPECT_EQ(digits, call.masks[k]) << fmt::format("{}", fmt::join(call.arguments, " "));
      for (std::size_t i = 0; i < digits.size(); ++i)
        ASSERT_EQ(out.at(all[k].name).data<float>()[i], digits[i] == '1' ? static_cast<float>(all[k].values[i]) : 0.0f);
    }
  }
}

}  // namespace
}  // namespace bonsai::test

#include "experiments/common/pruned_again.h"

#include "datasets/published.h"

namespace bonsai::experiments {

datasets::Batches TrainedData::batches(const TrainOn& s, const Random& stream) const {
  const datasets::Augmentation augmented = s.pictures() ? datasets::Augmentation{.flip = true, .pad = 4} : datasets::Augmentation{};
  return {train, s.batch, stream, about.normalization, augmented};
}

TrainedData load_trained(const TrainOn& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const About about = trained(s.net).about;
  auto [train, validation] = datasets::split(load_pictures(about.dataset, folder, true), 5000, Random(o.seed).derive("split"));
  auto first = [&](datasets::Dataset d, std::int64_t count) {  // the same ones in every training
    d.inputs = slice(d.inputs, 0, 0, count), d.labels = slice(d.labels, 0, 0, count);
    return Examples{datasets::as_floats(d, about.normalization), d.labels};
  };
  TrainedData data{train, about, first(validation, s.validation), first(load_pictures(about.dataset, folder, false), s.test), {}};
  data.some = slice(data.validation.inputs, 0, 0, std::min<std::int64_t>(64, s.validation));
  return data;
}

Recipe recipe_of(const TrainOn& s, const Options& o, const TrainedData& data) {
  return {.network = [net = s.net] { return nn::network(net); },
          .optimizer = [pictures = s.pictures()](std::vector<nn::Parameter*> p) -> std::unique_ptr<nn::Optimizer> {
            if (pictures) return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = 0.9, .weight_decay = 1e-4});
            return std::make_unique<nn::Adam>(std::move(p));
          },
          .rate = nn::cosine(s.lr, s.iterations),
          .iterations = s.iterations,
          .evaluate_every = s.iterations,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

}  // namespace bonsai::experiments

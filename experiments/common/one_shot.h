// What one_shot shows at its end: accuracy and layer error by sparsity and method, for each network; a function of results.csv.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "experiments/common/run_folder.h"

namespace bonsai::experiments {

inline constexpr const char* one_shot_header = "trial,network,method,amount,layer,inputs,size,kept,error,test_accuracy";
inline constexpr const char* whole_network = "all";  // the row of the network; its error is the mean of its layers'
inline const std::vector<std::string> one_shot_methods{"magnitude", "wanda", "sparsegpt", "obc"};
std::string shown(const std::string& method);  // "exact OBS" is obc's

std::string one_shot_part(std::int64_t trial, const std::string& network, const std::string& method, const std::string& amount);
std::string dense_part(const std::string& network);

struct OneShot {
  std::vector<std::string> networks, methods, amounts;  // amounts: fractions rising, then patterns
  std::size_t fractions;                                // how many of them are fractions
  std::int64_t trials, examples;
  std::map<std::string, std::string> notes;             // of each network: which layers are not exact, or not pruned
  std::string command, seeds;
  struct Point {
    std::vector<double> accuracies = {}, errors = {};  // of each trial: percent; the mean of the layers' errors
    std::int64_t kept = 0, size = 0;
    std::map<std::string, double> layers = {};         // each layer's error, the mean of the trials
    double accuracy() const;
    double error() const;
  };
  std::map<std::string, std::map<std::string, std::vector<Point>>> curves = {};  // network, method: a point an amount
  std::map<std::string, double> dense = {};                                      // accuracies

  void read(const RunFolder& folder);
  double within_one_point(const std::string& network, const std::string& method) const;  // up to which fraction; 0: none
  std::string finding() const;
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;  // one_shot.png (one_shot_figures.cpp)
  void show(const RunFolder& folder) const;
};

}  // namespace bonsai::experiments

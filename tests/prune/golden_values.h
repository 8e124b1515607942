// Made by golden.py with PyTorch 1.13.0a0; do not edit.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "prune/interface.h"

struct GoldenCall {
  std::string call;
  std::vector<int> on = {0};  // which tensors
  bonsai::prune::Amount amount = 0;
  double n = 2;
  int dim = 0;
  std::vector<int> importance = {};  // its number; 0: none
  std::vector<std::int64_t> importance_shape = {};
  std::string mask = "";
  std::vector<std::int64_t> mask_shape = {};
  std::vector<std::string> after = {};  // the masks
};
struct GoldenCase {
  bool f32 = false;
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<GoldenCall> calls;
  std::string error = "";  // what PyTorch says to the last call
};

inline const std::vector<GoldenCase> golden_cases = {
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 0, .after = {"1111111"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 0.0, .after = {"1111111"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 1, .after = {"1111011"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 1.0, .after = {"0000000"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 3, .after = {"1101010"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 7, .after = {"0000000"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 0.3, .after = {"1101011"}}}},
  {.shapes = {{7}}, .calls = {{.call = "l1_unstructured", .amount = 0.5, .after = {"1001010"}}}},
  {.f32 = true, .shapes = {{5}}, .calls = {{.call = "l1_unstructured", .amount = 0.5, .after = {"11010"}}}},
  {.shapes = {{1}}, .calls = {{.call = "l1_unstructured", .amount = 0.5, .after = {"1"}}}},
  {.f32 = true, .shapes = {{3, 5}}, .calls = {{.call = "l1_unstructured", .amount = 0.4, .after = {"110101011010110"}}}},
  {.shapes = {{2, 3, 4}}, .calls = {{.call = "l1_unstructured", .amount = 11, .after = {"110101001010110101101010"}}}},
  {.f32 = true, .shapes = {{3, 2, 3, 2}}, .calls = {{.call = "l1_unstructured", .amount = 0.77, .after = {"000100000010000100001010000100001010"}}}},
  {.shapes = {{4, 5}}, .calls = {
    {.call = "l1_unstructured", .amount = 0.5, .after = {"11010100101011010100"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"00010100101000010000"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"00010000001000010000"}}}},
  {.shapes = {{4, 5}}, .calls = {
    {.call = "l1_unstructured", .amount = 4, .after = {"11110111101111010111"}},
    {.call = "l1_unstructured", .amount = 0.25, .after = {"11010101101011010110"}},
    {.call = "l1_unstructured", .amount = 12, .after = {"00000000000000000000"}}}},
  {.shapes = {{4, 5}}, .calls = {
    {.call = "l1_unstructured", .amount = 1.0, .after = {"00000000000000000000"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"00000000000000000000"}},
    {.call = "l1_unstructured", .amount = 0, .after = {"00000000000000000000"}},
    {.call = "l1_unstructured", .amount = 0.9, .after = {"00000000000000000000"}}}},
  {.shapes = {{6}}, .calls = {{.call = "l1_unstructured", .amount = 0.5, .importance = {9}, .after = {"011010"}}}},
  {.f32 = true, .shapes = {{3, 4}}, .calls = {
    {.call = "l1_unstructured", .amount = 5, .importance = {9}, .after = {"011010110101"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"010000110000"}},
    {.call = "l1_unstructured", .amount = 0.5, .importance = {11}, .after = {"000000010000"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 1, .dim = 0, .after = {"000000000011111111110000011111"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 1, .after = {"101101011010110101101011010110"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = double(INFINITY), .dim = 0, .after = {"000000000011111111110000011111"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = -double(INFINITY), .dim = 1, .after = {"101101011010110101101011010110"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 0.5, .dim = -1, .after = {"101101011010110101101011010110"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 3, .dim = -2, .after = {"000000000000000111111111111111"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 1.5, .dim = 0, .after = {"000000000011111111110000011111"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = -1, .dim = 1, .after = {"101101011010110101101011010110"}}}},
  {.shapes = {{6, 5}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = -0.5, .dim = 0, .after = {"000000000011111111110000011111"}}}},
  {.shapes = {{5, 3}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"111111111000000"}}}},
  {.f32 = true, .shapes = {{7, 2}}, .calls = {{.call = "ln_structured", .amount = 0.5, .n = 1, .dim = 0, .after = {"11110000000011"}}}},
  {.f32 = true, .shapes = {{4, 3, 5}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = 1, .dim = 0, .after = {"111111111111111111111111111111111111111111111000000000000000"}}}},
  {.f32 = true, .shapes = {{4, 3, 5}}, .calls = {
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 1, .after = {"000001111100000000001111100000000001111100000000001111100000"}}}},
  {.f32 = true, .shapes = {{4, 3, 5}}, .calls = {
    {.call = "ln_structured", .amount = 2, .n = double(INFINITY), .dim = 2, .after = {"111001110011100111001110011100111001110011100111001110011100"}}}},
  {.f32 = true, .shapes = {{4, 3, 5}}, .calls = {
    {.call = "ln_structured", .amount = 0.3, .n = 2.5, .dim = -3, .after = {"111111111111111111111111111111111111111111111000000000000000"}}}},
  {.shapes = {{4, 3, 2, 3}}, .calls = {
    {.call = "ln_structured", .amount = 0.5, .n = 1, .dim = 0, .after = {"111111111111111111000000000000000000000000000000000000111111111111111111"}}}},
  {.shapes = {{4, 3, 2, 3}}, .calls = {
    {.call = "ln_structured", .amount = 0.34, .n = 2, .dim = 1, .after = {"111111000000111111111111000000111111111111000000111111111111000000111111"}}}},
  {.shapes = {{4, 3, 2, 3}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = -double(INFINITY), .dim = 2, .after = {"111000111000111000111000111000111000111000111000111000111000111000111000"}}}},
  {.shapes = {{4, 3, 2, 3}}, .calls = {
    {.call = "ln_structured", .amount = 2, .n = 0.7, .dim = -1, .after = {"001001001001001001001001001001001001001001001001001001001001001001001001"}}}},
  {.shapes = {{4, 3, 2, 3}}, .calls = {
    {.call = "ln_structured", .amount = 0.6, .n = double(INFINITY), .dim = -4, .after = {"000000000000000000111111111111111111000000000000000000111111111111111111"}}}},
  {.shapes = {{1, 4}}, .calls = {
    {.call = "ln_structured", .amount = 1.0, .n = 2, .dim = 0, .after = {"0000"}},
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"0000"}}}},
  {.shapes = {{8, 3}}, .calls = {
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"000111111000000111111000"}},
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"000111000000000111000000"}},
    {.call = "ln_structured", .amount = 1, .n = 1, .dim = 0, .after = {"000000000000000111000000"}}}},
  {.f32 = true, .shapes = {{6, 6}}, .calls = {
    {.call = "ln_structured", .amount = 2, .n = 1, .dim = 0, .after = {"111111000000111111000000111111111111"}},
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = -1, .after = {"100101000000100101000000100101100101"}},
    {.call = "ln_structured", .amount = 0.25, .n = double(INFINITY), .dim = 0, .after = {"100101000000100101000000100101000000"}}}},
  {.shapes = {{6, 4}}, .calls = {
    {.call = "l1_unstructured", .amount = 0.5, .after = {"110101001010110101001010"}},
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"110100000000110100001010"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"000100000000000100001010"}}}},
  {.shapes = {{4, 3, 3}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 1, .after = {"111111000111111000111111000111111000"}},
    {.call = "l1_unstructured", .amount = 0.3, .after = {"110101000010110000111011000101111000"}},
    {.call = "ln_structured", .amount = 0.5, .n = 1, .dim = -1, .after = {"100100000000100000100000000100100000"}},
    {.call = "l1_unstructured", .amount = 2, .after = {"100100000000100000000000000100000000"}}}},
  {.shapes = {{4, 4}}, .calls = {
    {.call = "custom_from_mask", .mask = "1100110011001111", .after = {"1100110011001111"}},
    {.call = "ln_structured", .amount = 0.5, .n = 1, .dim = 1, .after = {"1100110011001100"}},
    {.call = "l1_unstructured", .amount = 0.25, .after = {"1100010010001100"}},
    {.call = "custom_from_mask", .mask = "0111011101110111", .after = {"0100010000000100"}}}},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "custom_from_mask", .mask = "111100011100", .after = {"111100011100"}},
    {.call = "ln_structured", .amount = 1, .n = 0, .dim = 0, .after = {"111100001100"}},
    {.call = "ln_structured", .amount = 1, .n = 0, .dim = 0, .after = {"111100000000"}}}},
  {.shapes = {{4, 3}}, .calls = {
    {.call = "custom_from_mask", .mask = "000111111111", .after = {"000111111111"}},
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"000111000000"}},
    {.call = "identity", .after = {"000111000000"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"000100000000"}}}},
  {.shapes = {{4, 3}}, .calls = {
    {.call = "ln_structured", .amount = 2, .n = 2, .dim = 0, .importance = {9}, .after = {"000000111111"}},
    {.call = "ln_structured", .amount = 1, .n = 1, .dim = 1, .importance = {12}, .after = {"000000011011"}}}},
  {.f32 = true, .shapes = {{4, 3}}, .calls = {
    {.call = "custom_from_mask", .mask = "111100111100", .after = {"111100111100"}},
    {.call = "ln_structured", .amount = 2, .n = 2, .dim = 0, .importance = {9}, .after = {"000000111100"}}}},
  {.shapes = {{2, 3}}, .calls = {
    {.call = "identity", .after = {"111111"}},
    {.call = "identity", .after = {"111111"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"100101"}}}},
  {.shapes = {{2, 3}}, .calls = {{.call = "custom_from_mask", .mask = "000000", .after = {"000000"}}}},
  {.f32 = true, .shapes = {{2, 3}}, .calls = {
    {.call = "custom_from_mask", .mask = "101101", .after = {"101101"}},
    {.call = "custom_from_mask", .mask = "110110", .after = {"100100"}},
    {.call = "l1_unstructured", .amount = 1, .after = {"000100"}}}},
  {.shapes = {{10}}, .calls = {
    {.call = "l1_unstructured", .amount = 0.3, .after = {"1101011110"}},
    {.call = "remove", .after = {""}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"1101010010"}}}},
  {.shapes = {{4, 3}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 0, .after = {"111111111000"}},
    {.call = "remove", .after = {""}},
    {.call = "ln_structured", .amount = 0.5, .n = 2, .dim = 0, .after = {"000111111000"}}}},
  {.shapes = {{3, 4}, {5}, {2, 2, 2}}, .calls = {{.call = "global_unstructured", .on = {0, 1, 2}, .amount = 0.4, .after = {"110101111010", "10101", "01101010"}}}},
  {.f32 = true, .shapes = {{3, 4}, {5}, {2, 2, 2}}, .calls = {
    {.call = "global_unstructured", .on = {2, 0}, .amount = 7, .after = {"110101111010", "", "01111010"}},
    {.call = "global_unstructured", .on = {1, 0, 2}, .amount = 0.5, .after = {"000101001010", "10100", "01001010"}},
    {.call = "global_unstructured", .on = {0, 1}, .amount = 3, .after = {"000100000010", "00100", "01001010"}}}},
  {.shapes = {{3, 4}, {2, 3, 2, 2}}, .calls = {
    {.call = "l1_unstructured", .amount = 0.5, .after = {"110101001010", ""}},
    {.call = "ln_structured", .on = {1}, .amount = 1, .n = 2, .dim = 1, .after = {"110101001010", "111111110000111111110000"}},
    {.call = "global_unstructured", .on = {0, 1}, .amount = 0.5, .after = {"000101001010", "101000010000101001010000"}},
    {.call = "global_unstructured", .on = {1, 0}, .amount = 4, .after = {"000100000010", "001000010000101000010000"}},
    {.call = "ln_structured", .on = {1}, .amount = 0.5, .n = 1, .dim = 0, .after = {"000100000010", "000000000000101000010000"}}}},
  {.shapes = {{3, 4}, {5}}, .calls = {
    {.call = "custom_from_mask", .mask = "111000111000", .after = {"111000111000", ""}},
    {.call = "global_unstructured", .on = {0, 1}, .amount = 0.3, .importance = {9, 12}, .after = {"011000110000", "11101"}},
    {.call = "global_unstructured", .on = {0, 1}, .amount = 2, .importance = {0, 15}, .after = {"010000110000", "10101"}}}},
  {.shapes = {{6}, {6}}, .calls = {{.call = "global_unstructured", .on = {0, 1}, .amount = 1.0, .after = {"000000", "000000"}}}},
  {.shapes = {{6}, {6}}, .calls = {
    {.call = "global_unstructured", .on = {0, 1}, .amount = 0, .after = {"111111", "111111"}},
    {.call = "global_unstructured", .on = {0, 1}, .amount = 1, .after = {"111101", "111111"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"100101", "111111"}},
    {.call = "global_unstructured", .on = {1, 0}, .amount = 0.5, .after = {"100101", "101000"}}}},
};

// By chance: only how many are left can agree.
inline const std::vector<GoldenCase> golden_counts = {
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 0, .after = {"1111111"}}}},
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 0.0, .after = {"1111111"}}}},
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 1, .after = {"1111011"}}}},
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 1.0, .after = {"0000000"}}}},
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 3, .after = {"1101100"}}}},
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 7, .after = {"0000000"}}}},
  {.shapes = {{7}}, .calls = {{.call = "random_unstructured", .amount = 0.5, .after = {"0111000"}}}},
  {.f32 = true, .shapes = {{3, 5}}, .calls = {
    {.call = "random_unstructured", .amount = 0.5, .after = {"010100001011110"}},
    {.call = "random_unstructured", .amount = 0.5, .after = {"010100000000010"}},
    {.call = "random_unstructured", .amount = 2, .after = {"000000000000010"}}}},
  {.shapes = {{4, 5}}, .calls = {
    {.call = "random_unstructured", .amount = 0.3, .after = {"11011110010111101101"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"11010100000011000100"}},
    {.call = "random_unstructured", .amount = 5, .after = {"01000000000001000000"}}}},
  {.shapes = {{3, 2, 4, 2}}, .calls = {{.call = "random_structured", .amount = 2, .dim = 0, .after = {"000000000000000000000000000000001111111111111111"}}}},
  {.shapes = {{3, 2, 4, 2}}, .calls = {{.call = "random_structured", .amount = 0.5, .dim = 1, .after = {"000000001111111100000000111111110000000011111111"}}}},
  {.shapes = {{3, 2, 4, 2}}, .calls = {{.call = "random_structured", .amount = 0.7, .dim = -1, .after = {"010101010101010101010101010101010101010101010101"}}}},
  {.shapes = {{3, 2, 4, 2}}, .calls = {{.call = "random_structured", .amount = 0.4, .dim = 2, .after = {"000011110000111100001111000011110000111100001111"}}}},
  {.shapes = {{3, 2, 4, 2}}, .calls = {{.call = "random_structured", .amount = 1.0, .dim = -4, .after = {"000000000000000000000000000000000000000000000000"}}}},
  {.shapes = {{3, 2, 4, 2}}, .calls = {{.call = "random_structured", .amount = 2, .dim = -3, .after = {"000000000000000000000000000000000000000000000000"}}}},
  {.f32 = true, .shapes = {{7, 4}}, .calls = {
    {.call = "random_structured", .amount = 0.5, .dim = 0, .after = {"1111000011110000000000001111"}},
    {.call = "random_structured", .amount = 0.5, .dim = 0, .after = {"0000000000000000000000001111"}},
    {.call = "random_structured", .amount = 0.5, .dim = 1, .after = {"0000000000000000000000001100"}},
    {.call = "l1_unstructured", .amount = 0.5, .after = {"0000000000000000000000000100"}}}},
  {.shapes = {{5, 4}}, .calls = {
    {.call = "custom_from_mask", .mask = "11100000011111011011", .after = {"11100000011111011011"}},
    {.call = "random_structured", .amount = 0.5, .dim = 0, .after = {"11100000000011010000"}}}},
  {.shapes = {{3, 4}, {5}, {2, 2, 2}}, .calls = {
    {.call = "global_random", .on = {2, 0, 1}, .amount = 0.3, .after = {"111100101111", "11000", "11001111"}},
    {.call = "global_random", .on = {2, 0, 1}, .amount = 9, .after = {"111000000111", "01000", "10000000"}},
    {.call = "global_random", .on = {2, 0, 1}, .amount = 0.5, .after = {"010000000101", "00000", "10000000"}}}},
};

// The last call of each is refused.
inline const std::vector<GoldenCase> golden_refusals = {
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = -1}}, .error = "ValueError: amount=-1 should either be a"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = -1}}, .error = "ValueError: amount=-1 should either be a"},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = -1, .n = 2, .dim = 0}}, .error = "ValueError: amount=-1 should either be a"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = -1, .dim = 1}}, .error = "ValueError: amount=-1 should either be a"},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = -1}}, .error = "ValueError: amount=-1 should either be a"},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = -0.1}}, .error = "ValueError: amount=-0.1 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = -0.1}}, .error = "ValueError: amount=-0.1 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = -0.1, .n = 2, .dim = 0}}, .error = "ValueError: amount=-0.1 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = -0.1, .dim = 1}}, .error = "ValueError: amount=-0.1 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = -0.1}}, .error = "ValueError: amount=-0.1 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = 1.5}}, .error = "ValueError: amount=1.5 should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = 1.5}}, .error = "ValueError: amount=1.5 should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 1.5, .n = 2, .dim = 0}}, .error = "ValueError: amount=1.5 should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 1.5, .dim = 1}}, .error = "ValueError: amount=1.5 should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = 1.5}}, .error = "ValueError: amount=1.5 should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = 90.0}}, .error = "ValueError: amount=90.0 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = 90.0}}, .error = "ValueError: amount=90.0 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 90.0, .n = 2, .dim = 0}}, .error = "ValueError: amount=90.0 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 90.0, .dim = 1}}, .error = "ValueError: amount=90.0 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = 90.0}}, .error = "ValueError: amount=90.0 should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = double(INFINITY)}}, .error = "ValueError: amount=inf should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = double(INFINITY)}}, .error = "ValueError: amount=inf should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = double(INFINITY), .n = 2, .dim = 0}}, .error = "ValueError: amount=inf should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = double(INFINITY), .dim = 1}}, .error = "ValueError: amount=inf should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = double(INFINITY)}}, .error = "ValueError: amount=inf should either be "},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = -double(INFINITY)}}, .error = "ValueError: amount=-inf should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = -double(INFINITY)}}, .error = "ValueError: amount=-inf should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = -double(INFINITY), .n = 2, .dim = 0}}, .error = "ValueError: amount=-inf should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = -double(INFINITY), .dim = 1}}, .error = "ValueError: amount=-inf should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = -double(INFINITY)}}, .error = "ValueError: amount=-inf should either be"},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = double(NAN)}}, .error = "ValueError: cannot convert float NaN to "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = double(NAN)}}, .error = "ValueError: cannot convert float NaN to "},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = double(NAN), .n = 2, .dim = 0}}, .error = "ValueError: cannot convert float NaN to "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = double(NAN), .dim = 1}}, .error = "ValueError: cannot convert float NaN to "},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = double(NAN)}}, .error = "ValueError: cannot convert float NaN to "},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = 13}}, .error = "ValueError: amount=13 should be smaller "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = 13}}, .error = "ValueError: amount=13 should be smaller "},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 13, .n = 2, .dim = 0}}, .error = "ValueError: amount=13 should be smaller "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 13, .dim = 1}}, .error = "ValueError: amount=13 should be smaller "},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = 13}}, .error = "ValueError: amount=13 should be smaller "},
  {.shapes = {{3, 4}}, .calls = {{.call = "l1_unstructured", .amount = 1000000000000}}, .error = "ValueError: amount=1000000000000 should "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_unstructured", .amount = 1000000000000}}, .error = "ValueError: amount=1000000000000 should "},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 1000000000000, .n = 2, .dim = 0}}, .error = "ValueError: amount=1000000000000 should "},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 1000000000000, .dim = 1}}, .error = "ValueError: amount=1000000000000 should "},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .amount = 1000000000000}}, .error = "ValueError: amount=1000000000000 should "},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "l1_unstructured", .amount = 0.5, .after = {"110101001010"}},
    {.call = "l1_unstructured", .amount = 7}}, .error = "ValueError: amount=7 should be smaller t"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 0, .after = {"111100001111"}},
    {.call = "random_unstructured", .amount = 9}}, .error = "ValueError: amount=9 should be smaller t"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 0, .after = {"111100001111"}},
    {.call = "ln_structured", .amount = 3, .n = 2, .dim = 0}}, .error = "ValueError: amount=3 should be smaller t"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "custom_from_mask", .mask = "000011111111", .after = {"000011111111"}},
    {.call = "random_structured", .amount = 3, .dim = 0}}, .error = "ValueError: amount=3 should be smaller t"},
  {.shapes = {{3, 4}, {5}}, .calls = {
    {.call = "l1_unstructured", .amount = 0.5, .after = {"110101001010", ""}},
    {.call = "global_unstructured", .on = {0, 1}, .amount = 12}}, .error = "ValueError: amount=12 should be smaller "},
  {.shapes = {{5}}, .calls = {{.call = "ln_structured", .amount = 1, .n = 2, .dim = 0}}, .error = "ValueError: Structured pruning can only "},
  {.shapes = {{5}}, .calls = {{.call = "random_structured", .amount = 1, .dim = 0}}, .error = "ValueError: Structured pruning can only "},
  {.shapes = {{}}, .calls = {{.call = "ln_structured", .amount = 1, .n = 2, .dim = 0}}, .error = "ValueError: Structured pruning can only "},
  {.shapes = {{}}, .calls = {{.call = "random_structured", .amount = 1, .dim = 0}}, .error = "ValueError: Structured pruning can only "},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 1, .n = 2, .dim = 2}}, .error = "IndexError: Invalid index 2 for tensor o"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 1, .dim = 2}}, .error = "IndexError: Invalid index 2 for tensor o"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "identity", .after = {"111111111111"}},
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 2}}, .error = "IndexError: list assignment index out of"},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 1, .n = 2, .dim = -3}}, .error = "IndexError: tuple index out of range"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 1, .dim = -3}}, .error = "IndexError: tuple index out of range"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "identity", .after = {"111111111111"}},
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = -3}}, .error = "IndexError: Index is out of bounds for t"},
  {.shapes = {{3, 4}}, .calls = {{.call = "ln_structured", .amount = 1, .n = 2, .dim = 7}}, .error = "IndexError: Invalid index 7 for tensor o"},
  {.shapes = {{3, 4}}, .calls = {{.call = "random_structured", .amount = 1, .dim = 7}}, .error = "IndexError: Invalid index 7 for tensor o"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "identity", .after = {"111111111111"}},
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 7}}, .error = "IndexError: list assignment index out of"},
  {.shapes = {{3, 4}}, .calls = {{.call = "custom_from_mask", .mask = "111111111111", .mask_shape = {4, 3}}}, .error = "AssertionError:"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "l1_unstructured", .amount = 2, .after = {"111101111011"}},
    {.call = "custom_from_mask", .mask = "1111", .mask_shape = {4}}}, .error = "AssertionError:"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "l1_unstructured", .amount = 2, .importance = {9}, .importance_shape = {4, 3}}}, .error = "AssertionError: importance_scores should"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "ln_structured", .amount = 1, .n = 2, .dim = 0, .importance = {9}, .importance_shape = {3}}}, .error = "AssertionError: importance_scores should"},
  {.shapes = {{3, 4}, {5}}, .calls = {
    {.call = "global_unstructured", .on = {0, 1}, .amount = 2, .importance = {9, 0}, .importance_shape = {3}}}, .error = "IndexError: The shape of the mask [17] a"},
  {.shapes = {{3, 4}}, .calls = {{.call = "global_unstructured", .on = {}, .amount = 0.5}}, .error = "RuntimeError: torch.cat(): expected a no"},
  {.shapes = {{3, 4}}, .calls = {{.call = "remove"}}, .error = "ValueError: Parameter 'weight' of module"},
  {.shapes = {{3, 4}}, .calls = {
    {.call = "l1_unstructured", .amount = 2, .after = {"111101111011"}},
    {.call = "remove", .after = {""}},
    {.call = "remove"}}, .error = "ValueError: Parameter 'weight' of module"},
};

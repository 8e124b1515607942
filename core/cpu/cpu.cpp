// The cpu backend's table: what only moves numbers (moving.cpp), and the arithmetic of the instruction set that is in use.
#include "core/cpu/cpu.h"

#include <cstdlib>
#include <string_view>

#include "core/cpu/moving.h"

namespace bonsai {
namespace baseline { void add_kernels(Backend&); }
#ifdef BONSAI_X86
namespace avx2 { void add_kernels(Backend&); }
namespace avx512 { void add_kernels(Backend&); }
#endif
namespace {

struct InstructionSet {
  const char* name;
  bool present;
  void (*add_kernels)(Backend&);
};

const InstructionSet& chosen() {
  static const InstructionSet sets[] = {  // best first
#ifdef BONSAI_X86
      {"avx512", __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"), avx512::add_kernels},
      {"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), avx2::add_kernels},
#endif
      {"baseline", true, baseline::add_kernels}};
  const char* wanted = std::getenv("BONSAI_ISA");
  for (const InstructionSet& s : sets)
    if (s.present && (!wanted || std::string_view(wanted) == s.name)) return s;
  fail("BONSAI_ISA={}: this machine or build does not have it; use baseline{}, or unset it", wanted, sets[0].present ? ", avx2 or avx512" : "");
}

Backend make() {
  Backend b{};
  b.fill.run = baseline::fill;
  b.copy.run = baseline::copy;
  b.argmax.run = baseline::argmax;
  b.index_select.run = baseline::index_select;
  b.index_add.run = baseline::index_add;
  b.gather.run = baseline::gather;
  b.scatter_add.run = baseline::scatter_add;
  b.uniform.run = baseline::uniform;
  b.normal.run = baseline::normal;
  chosen().add_kernels(b);
  b.set_name("cpu");
  return b;
}

}  // namespace

const char* cpu_instruction_set() { return chosen().name; }

const Backend& cpu_backend() {
  static const Backend b = make();
  return b;
}

}  // namespace bonsai

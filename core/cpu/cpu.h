// Which instruction set the cpu backend runs on: the best that this machine has, or the one that the environment variable
// BONSAI_ISA names (baseline, avx2, avx512). The last bits of results differ between instruction sets, as vectors differ in width.
#pragma once

namespace bonsai {

const char* cpu_instruction_set();

}  // namespace bonsai

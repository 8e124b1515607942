// A machine with a GPU checks it against `reference`; the CPU's fast kernels stay out of that program, and `reference` stands in for them.
#include "core/backend.h"

namespace bonsai {

const Backend& cpu_backend() { return reference_backend(); }

}  // namespace bonsai

// The optimizers' update rules as plain loops (optimizers.cpp); reference.cpp puts them into its table.
#pragma once
#include "core/backend.h"

namespace bonsai {

void reference_sgd(SgdConstants c, View w, View g, View velocity, View mask, View rate);
void reference_adam(AdamConstants c, View w, View g, View m, View v, View mask, View rate, View step);

}  // namespace bonsai

// SHA-256: 32 bytes that stand for a file. Nobody can make another file with the same ones, so a download, a disk and a mirror need
// not be trusted: the published sum is compared, when a file is fetched and each time it is loaded.
#pragma once
#include <string>
#include <string_view>

namespace bonsai::datasets {

std::string sha256(std::string_view bytes);  // 64 lower-case hexadecimal digits

}  // namespace bonsai::datasets

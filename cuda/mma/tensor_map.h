// What a bulk copy is told of a matrix in memory: where it lies, its rows and columns, the box that one copy brings, and whether the box is swizzled. Made on the CPU, by
// a function of the driver that is asked for by name, so that nothing links against the driver and a build without a GPU starts.
//
// Why a tensor map and not a plain bulk copy for each row: one thread's one instruction brings 256 rows, swizzled as wgmma wants them, with zeros beyond the matrix.
#pragma once
#include <stdexcept>
#include <string>

#include "cuda/mma/hopper.h"

namespace bonsai::cuda {

#ifdef __CUDACC__

// How many multiprocessors the current device has. Throws where it is no Hopper: wgmma is compiled for compute capability 9.0 alone.
inline int hopper_multiprocessors(const char* name) {
  int device = 0, major = 0, minor = 0, count = 0;
  check(cudaGetDevice(&device), name);
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), name);
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), name);
  if (major != 9 || minor != 0) throw CudaError(std::string(name) + ": needs a GPU of compute capability 9.0, this one is " + std::to_string(major) + "." + std::to_string(minor));
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), name);
  return count;
}

// Of a matrix (rows, columns), rows side by side. A row's bytes are a multiple of 16; a box has at most 256 rows and 256 columns, swizzled ones 128 bytes a row.
template <class T>
TensorMap tensor_map(const char* name, const T* data, std::int64_t rows, std::int64_t columns, int box_rows, int box_columns, bool swizzle) {
  using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                              CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  static const Encode encode = [&] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult how;
#if CUDART_VERSION >= 12050
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &how), name);
#else
    check(cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &how), name);
#endif
    if (found == nullptr) throw CudaError(std::string(name) + ": the driver has no cuTensorMapEncodeTiled; it must be of CUDA 12.0 or later");
    return reinterpret_cast<Encode>(found);
  }();
  TensorMap map;
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)}, stride = sizes[0] * sizeof(T);
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(box_columns), static_cast<cuuint32_t>(box_rows)}, steps[2] = {1, 1};
  const CUresult result = encode(&map, sizeof(T) == 2 ? CU_TENSOR_MAP_DATA_TYPE_UINT16 : CU_TENSOR_MAP_DATA_TYPE_UINT32, 2, const_cast<T*>(data), sizes, &stride, box, steps,
                                 CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                                 CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw CudaError(std::string(name) + ": cuTensorMapEncodeTiled refuses a matrix of " + std::to_string(rows) + " x " + std::to_string(columns) + " (" + std::to_string(result) +
                    "); its address must be a multiple of 16");
  return map;
}

#else

inline int hopper_multiprocessors(const char*) { return 5; }  // two pairs of blocks: fewer than tiles, so that they take several

template <class T>
TensorMap tensor_map(const char*, const T* data, std::int64_t rows, std::int64_t columns, int box_rows, int box_columns, bool swizzle) {
  require(columns * sizeof(T) % 16 == 0 && box_rows <= 256 && box_columns <= 256 && (!swizzle || box_columns * sizeof(T) == 128), "tensor map: rows of {} bytes in boxes of {} x {}",
          columns * sizeof(T), box_rows, box_columns);
  return {reinterpret_cast<const std::byte*>(data), sizeof(T), rows, columns, box_rows, box_columns, swizzle};
}

#endif

}  // namespace bonsai::cuda

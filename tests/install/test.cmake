# The test `install`: bonsai is installed into an empty folder, and a copy of the project beside this file is configured, built and run on what lies there.
#   cmake -DBUILD=... -DSOURCE=... -DWORK=... -DPREFIX_PATH=... -DCOMPILER=... -P test.cmake
file(REMOVE_RECURSE ${WORK})
file(COPY ${SOURCE}/CMakeLists.txt ${SOURCE}/prune_spirals.cpp DESTINATION ${WORK}/project)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${WORK}/project OUTPUT_VARIABLE out ERROR_VARIABLE out RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${status}\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
# Beside it a program that includes every header, and uses a device, whose kernels are found beside the libraries.
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include/bonsai ${WORK}/prefix/include/bonsai/*.h)
list(TRANSFORM headers REPLACE "(.+)" "#include \"\\1\"\n")
string(CONCAT every ${headers} "int main() { bonsai::cuda::use_device(\"emulator\"); std::puts(str(matmul(bonsai::ones({2, 3}), bonsai::ones({3, 2}))).c_str()); }\n")
file(WRITE ${WORK}/project/every_header.cpp "${every}")
file(APPEND ${WORK}/project/CMakeLists.txt "add_executable(every_header every_header.cpp)\ntarget_link_libraries(every_header PRIVATE bonsai::prune bonsai::datasets bonsai::cuda)\n")
set(libraries ${PREFIX_PATH}/lib/${ARCHITECTURE})  # of packages unpacked without root, if there are any
run(${CMAKE_COMMAND} -B build "-DCMAKE_PREFIX_PATH=${WORK}/prefix;${PREFIX_PATH}" -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror -Wno-stringop-overflow"
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,-rpath-link,${libraries} -L${libraries}")
run(${CMAKE_COMMAND} --build build -j2)
run(build/prune_spirals)
message("${out}")
if(NOT out MATCHES "dense: (9[0-9]|100)\\.[0-9]%" OR NOT out MATCHES "and trained on: (9[0-9]|100)\\.[0-9]%")
  message(FATAL_ERROR "the network has not learned the spirals")
endif()
if(NOT out MATCHES "fc2\\.weight")
  message(FATAL_ERROR "no report")
endif()

if(EXISTS ${WORK}/prefix/lib/bonsai/libbonsai_emulator.so)  # (not before it is built)
  run(build/every_header)
  if(NOT out MATCHES "\\[\\[3, 3\\],\n *\\[3, 3\\]\\]")
    message(FATAL_ERROR "a product on the emulated device: ${out}")
  endif()
endif()

# Nothing of the checkout is left in it: whoever has the folder has all of it.
file(GLOB_RECURSE configs ${WORK}/prefix/*.cmake)
foreach(file ${configs})
  file(READ ${file} text)
  string(FIND "${text}" "${CHECKOUT}/" at)
  if(NOT at EQUAL -1)
    message(FATAL_ERROR "${file} names the checkout, ${CHECKOUT}")
  endif()
endforeach()
file(REMOVE_RECURSE ${WORK})

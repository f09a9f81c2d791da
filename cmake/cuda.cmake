# The CUDA module, build/Release/googlenet-cuda.so: built where nvcc and the headers of cuDNN 9 and cuBLAS are, left
# out with one line where they are not. It links nothing of NVIDIA's but the static runtime: cuDNN, cuBLAS and the
# driver are opened when a GPU is asked for.
#
# GOOGLENET_CUDA_ARCHITECTURES (an option, or a variable of the environment) narrows what it is compiled for, as
# "80;90". The newest comes as PTX too, for the cards after it. GOOGLENET_CUDA=OFF leaves the module out.
option(GOOGLENET_CUDA "Build the CUDA module where that is possible" ON)
set(GOOGLENET_CUDA_ARCHITECTURES "" CACHE STRING "Compute capabilities to compile for, as 80;90; empty: all")
set(cudnn_oldest 9.11) # plans for devices that are described
set(nvcc_oldest 12.8)  # sm_120

# scripts/setup/cuda.mjs puts NVIDIA's wheels here, which hold a folder nvidia/.
set(wheels ${CMAKE_SOURCE_DIR}/build/cuda/nvidia)
set(toolkits ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda)
find_program(nvcc NAMES ${CMAKE_CUDA_COMPILER} nvcc HINTS ${toolkits} PATH_SUFFIXES bin NO_CACHE)
find_path(cudnn_include cudnn_version.h HINTS ${wheels}/cudnn/include ENV CUDNN_HOME ${toolkits}
  PATH_SUFFIXES include NO_CACHE)
find_path(cublas_include cublasLt.h HINTS ${wheels}/cu13/include ${toolkits} PATH_SUFFIXES include NO_CACHE)
if(nvcc)
  execute_process(COMMAND ${nvcc} --version OUTPUT_VARIABLE text ERROR_QUIET)
  string(REGEX MATCH "release ([0-9.]+)" ignored "${text}")
  set(nvcc_version ${CMAKE_MATCH_1})
endif()
if(cudnn_include)
  file(STRINGS ${cudnn_include}/cudnn_version.h text REGEX "define CUDNN_(MAJOR|MINOR) ")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*" "\\1.\\2" cudnn_version "${text}")
endif()

set(missing "")
if(NOT GOOGLENET_CUDA)
  set(missing "switched off")
elseif(NOT nvcc)
  set(missing "no nvcc")
elseif(nvcc_version VERSION_LESS nvcc_oldest)
  set(missing "${nvcc} is ${nvcc_version}, older than ${nvcc_oldest}")
elseif(NOT cudnn_include)
  set(missing "no headers of cuDNN")
elseif(cudnn_version VERSION_LESS cudnn_oldest)
  set(missing "cuDNN in ${cudnn_include} is ${cudnn_version}, older than ${cudnn_oldest}")
elseif(NOT cublas_include)
  set(missing "no headers of cuBLAS")
endif()
if(missing)
  message(STATUS "GPU support: left out (${missing})")
  return()
endif()

set(architectures ${GOOGLENET_CUDA_ARCHITECTURES})
if(NOT architectures)
  string(REPLACE "," ";" architectures "$ENV{GOOGLENET_CUDA_ARCHITECTURES}")
endif()
if(NOT architectures)
  set(architectures 75 80 86 89 90 100 120)
endif()
list(JOIN architectures " " text)
message(STATUS "GPU support: nvcc ${nvcc_version}, cuDNN ${cudnn_version}, for compute capabilities ${text}")
list(POP_BACK architectures newest)
list(TRANSFORM architectures APPEND "-real")

set(CMAKE_CUDA_COMPILER ${nvcc})
set(CMAKE_CUDA_ARCHITECTURES ${architectures} ${newest})
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION) # CMake 3.25 does not know that nvcc has C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()

file(GLOB_RECURSE sources CONFIGURE_DEPENDS native/backends/cuda/*.cpp native/backends/cuda/*.cu)
list(FILTER sources EXCLUDE REGEX /cuda/tools/)
add_library(googlenet_cuda MODULE ${sources} native/backends/backend.cpp native/images/filter.cpp)
set_target_properties(googlenet_cuda PROPERTIES PREFIX "" OUTPUT_NAME googlenet-cuda SUFFIX ".so"
  CUDA_STANDARD 20 CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
target_include_directories(googlenet_cuda PRIVATE native)
target_include_directories(googlenet_cuda SYSTEM PRIVATE
  ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${cudnn_include} ${cublas_include})
# GCC 12 warns of overlaps in the concatenation of strings that are none (its bug 105651).
set(host_flags -Wall -Wextra -Wno-restrict -march=x86-64-v3)
list(JOIN host_flags "," text)
target_compile_options(googlenet_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CXX>:${host_flags}>
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xcompiler=${text} -Xfatbin=-compress-all>)
target_link_options(googlenet_cuda PRIVATE -Wl,-z,defs -Wl,-z,now)
target_link_libraries(googlenet_cuda PRIVATE ${CMAKE_DL_LIBS})

# What the tests ask for plans for cards that are not there: it opens the module as the addon does.
if(EXISTS ${CMAKE_SOURCE_DIR}/native/backends/cuda/tools/plans.cpp)
  file(GLOB graph_sources CONFIGURE_DEPENDS native/graph/*.cpp)
  add_executable(googlenet_cuda_plans
    native/backends/cuda/tools/plans.cpp native/backends/backend.cpp ${graph_sources})
  set_target_properties(googlenet_cuda_plans PROPERTIES OUTPUT_NAME googlenet-cuda-plans
    RUNTIME_OUTPUT_DIRECTORY $<TARGET_FILE_DIR:googlenet>)
  target_include_directories(googlenet_cuda_plans PRIVATE native)
  target_compile_options(googlenet_cuda_plans PRIVATE ${host_flags})
  target_link_libraries(googlenet_cuda_plans PRIVATE ${CMAKE_DL_LIBS})
endif()

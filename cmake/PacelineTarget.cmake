# SPDX-License-Identifier: MIT
#
# How every target of the project is compiled. paceline_library(NAME SOURCES...) makes the folder's one library.

add_library(paceline_options INTERFACE)
target_compile_features(paceline_options INTERFACE cxx_std_20)
target_compile_options(paceline_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  $<$<BOOL:${PACELINE_WERROR}>:-Werror>)
if(PACELINE_SANITIZE)
  target_compile_options(paceline_options INTERFACE -fsanitize=${PACELINE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(paceline_options INTERFACE -fsanitize=${PACELINE_SANITIZE})
  add_compile_options(-fsanitize=${PACELINE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # False alarms of GCC 12 below -O2: Asio's fences, which TSan does not see (what they order is under locks as
    # well), and its coroutine frames' own operators new and delete.
    target_compile_options(paceline_options INTERFACE -Wno-tsan -Wno-mismatched-new-delete)
  endif()
  add_link_options(-fsanitize=${PACELINE_SANITIZE})
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Before 15 clang has no C++20 coroutines, so clang-tidy cannot read the folders that Asio runs.
set(PACELINE_UNTIDY "")
if(PACELINE_TIDY)
  find_program(PACELINE_CLANG_TIDY clang-tidy REQUIRED)
  execute_process(COMMAND ${PACELINE_CLANG_TIDY} --version OUTPUT_VARIABLE version)
  string(REGEX MATCH "version ([0-9]+)" version "${version}")
  if(CMAKE_MATCH_1 LESS 15)
    set(PACELINE_UNTIDY signalling receiver sender)
    message(STATUS "clang-tidy ${CMAKE_MATCH_1} does not know coroutines: it leaves out ${PACELINE_UNTIDY}")
  endif()
endif()

# GCC takes several times as long over Asio's coroutines where UndefinedBehaviorSanitizer checks each of their pointers,
# too: in the folders that Asio runs that is left to AddressSanitizer. What reads packets and files is checked whole.
function(paceline_sanitize_coroutines folder)
  if(PACELINE_SANITIZE MATCHES undefined AND folder MATCHES "^(signalling|receiver|sender|api)$")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-fno-sanitize=null,alignment,object-size")
  endif()
endfunction()

function(paceline_library folder)
  add_library(paceline_${folder} STATIC ${ARGN})
  paceline_sanitize_coroutines(${folder} ${ARGN})
  add_library(paceline::${folder} ALIAS paceline_${folder})
  set_target_properties(paceline_${folder} PROPERTIES EXPORT_NAME ${folder})
  target_include_directories(paceline_${folder} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(paceline_${folder} PUBLIC paceline_include PRIVATE $<BUILD_INTERFACE:paceline_options>)
  if(PACELINE_TIDY AND NOT folder IN_LIST PACELINE_UNTIDY)
    set_target_properties(paceline_${folder} PROPERTIES CXX_CLANG_TIDY ${PACELINE_CLANG_TIDY})
  endif()
  set_property(GLOBAL APPEND PROPERTY PACELINE_LIBRARIES paceline_${folder})
endfunction()

# paceline_program(NAME SOURCES...): one of the executables that people run.
function(paceline_program name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE paceline_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${name})
  set_property(GLOBAL APPEND PROPERTY PACELINE_PROGRAMS ${name})
endfunction()

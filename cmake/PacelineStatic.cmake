# SPDX-License-Identifier: MIT
#
# Every library from its archive, and of these only what is used: a program that needs no other file.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(Protobuf_USE_STATIC_LIBS ON)
set(OPENSSL_USE_STATIC_LIBS ON)
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-static -Wl,--gc-sections)
# glibc's resolver: static programs look names up by themselves, without nsswitch.conf's modules, which is what an empty
# root file system has anyway. The linker's warning about it says nothing more.

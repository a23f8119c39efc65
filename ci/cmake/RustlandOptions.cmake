# SPDX-License-Identifier: GPL-2.0-only
# rustland_options carries the compiler flags that every target of ours is built with.
add_library(rustland_options INTERFACE)
target_compile_options(rustland_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough)
# Functions of headers that nobody calls, fmt's above all, are not worth their place.
target_link_options(rustland_options INTERFACE LINKER:--gc-sections)
if(RUSTLAND_WERROR)
  target_compile_options(rustland_options INTERFACE -Werror)
endif()
if(RUSTLAND_FUZZ)
  target_compile_options(rustland_options INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  target_link_options(rustland_options INTERFACE -fsanitize=address,undefined)
endif()
if(RUSTLAND_SANITIZE)
  # -Wnull-dereference reports false positives from inlined library code under the sanitizers.
  target_compile_options(rustland_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
    -Wno-null-dereference -Wno-maybe-uninitialized)
  target_link_options(rustland_options INTERFACE -fsanitize=address,undefined)
endif()

// SPDX-License-Identifier: GPL-2.0-only
// The functions of fmt, compiled here and nowhere else: this file is compiled with
// FMT_HEADER_ONLY and -fkeep-inline-functions, which emits each of them, and all other files take
// fmt's headers as those of a library.
#include <fmt/format.h>
#include <fmt/ranges.h>

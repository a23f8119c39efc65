// SPDX-License-Identifier: GPL-2.0-only
// What a process has open, as /proc shows it.
#pragma once

#include "rustland/common/types.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace rustland::supervisor {

// Calls `look` for each descriptor, in no order, with what it is of ("/dev/dri/card0",
// "anon_inode:bpf_link") and the path of its fdinfo, until `look` returns false. The name is cut
// after 64 bytes. Of a process with very many, a server, only the first 4096 are looked at. False:
// this program may not look into the process.
bool for_each_open_file(const std::string& proc_root, Pid pid,
                        const std::function<bool(std::string_view, const std::string&)>& look);

} // namespace rustland::supervisor

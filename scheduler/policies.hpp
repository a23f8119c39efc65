// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/run_policy.hpp"

namespace rustland {

// The program rustland itself.
Program rustland_program();

// The policy that its options ask for.
Result<std::unique_ptr<Policy>> make_policy(const PolicyContext& context);

} // namespace rustland

// SPDX-License-Identifier: GPL-2.0-only
#include "policies.hpp"

int main(int argc, char** argv) {
    return rustland::run_policy(argc, argv, rustland::make_policy, rustland::rustland_program());
}

// SPDX-License-Identifier: GPL-2.0-only
#include "policy.hpp"

int main(int argc, char** argv) { return rustland::run_policy<MyPolicy>(argc, argv); }

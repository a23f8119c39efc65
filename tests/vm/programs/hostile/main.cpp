// SPDX-License-Identifier: GPL-2.0-only
// hostile [OPTION…]: root asks the daemons while ordinary users do what they can to their sockets.
// Status 0: root was answered each time, within the limit and what it took while all was quiet.
#include "hostile.hpp"

#include <cstdio>
#include <cstdlib>
#include <getopt.h>

namespace rustland::vm {
namespace {

constexpr double kMillion = 1e6;
constexpr Nanos kQuiet = seconds(2);

struct Options {
    std::vector<Target> targets;
    std::string programs;
    Nanos span = seconds(10);
    Nanos limit = seconds(1);
    bool without_waits = false;
};

bool parse(int argc, char** argv, Options& options) {
    const option known[] = {{"control", required_argument, nullptr, 'c'},
                            {"scheduler", required_argument, nullptr, 's'},
                            {"programs", required_argument, nullptr, 'p'},
                            {"seconds", required_argument, nullptr, 't'},
                            {"limit", required_argument, nullptr, 'l'},
                            {"without-waits", no_argument, nullptr, 'w'},
                            {}};
    for (int found = 0; (found = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (found) {
        case 'c':
            options.targets.push_back(control_socket(optarg));
            break;
        case 's':
            options.targets.push_back(scheduler_socket(optarg));
            break;
        case 'p':
            options.programs = optarg;
            break;
        case 't':
            options.span = seconds(std::atoi(optarg));
            break;
        case 'l':
            options.limit = seconds(std::atoi(optarg));
            break;
        case 'w':
            options.without_waits = true;
            break;
        default:
            return false;
        }
    }
    return !options.targets.empty() && options.span > Nanos{} && options.limit > Nanos{};
}

bool judge(const Target& target, const Answers& quiet, const Answers& besieged, Nanos limit) {
    std::printf("%s: asked %d times, longest answer %.0f ms, %.0f ms while all was quiet\n",
                target.name.c_str(), besieged.asked,
                static_cast<double>(besieged.longest.value) / kMillion,
                static_cast<double>(quiet.longest.value) / kMillion);
    for (const Answers& answers : {quiet, besieged})
        if (!answers.refusal.empty()) {
            std::printf("%s: root got \"%.200s\"\n", target.name.c_str(), answers.refusal.c_str());
            return false;
        }
    if (besieged.longest <= limit + quiet.longest)
        return true;
    std::printf("%s: root waited longer than %lld s\n", target.name.c_str(),
                static_cast<long long>(limit.value / 1'000'000'000));
    return false;
}

int run(const Options& options) {
    const auto quiet = ask_all(options.targets, kQuiet, options.without_waits);
    const std::vector<pid_t> hostile = start_hostile(options.targets, options.programs);
    const auto besieged = ask_all(options.targets, options.span, options.without_waits);
    end_hostile(hostile);
    bool good = true;
    for (std::size_t i = 0; i < options.targets.size(); ++i)
        good = judge(options.targets[i], quiet[i], besieged[i], options.limit) && good;
    return good ? 0 : 1;
}

} // namespace
} // namespace rustland::vm

int main(int argc, char** argv) {
    if (argc == 2 && argv[1] == std::string(rustland::vm::kNapOption)) {
        rustland::vm::nap();
        return 0;
    }
    rustland::vm::Options options;
    if (!rustland::vm::parse(argc, argv, options)) {
        std::fputs("usage: hostile [--control SOCKET] [--scheduler SOCKET] [--programs DIR]\n"
                   "               [--seconds N] [--limit SECONDS] [--without-waits]\n",
                   stderr);
        return 2;
    }
    return rustland::vm::run(options);
}

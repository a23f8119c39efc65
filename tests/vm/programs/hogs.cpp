// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <fmt/core.h>

namespace rustland::vm {
namespace {

constexpr std::uint64_t kChunk = 10000; // loop iterations between two looks at the clock

struct Hog {
    std::int64_t from = 0;
    std::int64_t until = 0;
    std::uint64_t chunks = 0;
};

void* be_hog(void* argument) {
    auto& self = *static_cast<Hog*>(argument);
    for (;;) {
        work(kChunk);
        const std::int64_t now = monotonic_now().value;
        if (now >= self.until)
            return nullptr;
        if (now >= self.from)
            ++self.chunks;
    }
}

} // namespace

int hogs(const HogOptions& options) {
    std::deque<Hog> all(options.threads);
    std::vector<pthread_t> threads;
    const std::int64_t from = monotonic_now().value + options.warmup_ms * 1'000'000;
    for (auto& hog : all) {
        hog.from = from;
        hog.until = from + options.duration_ms * 1'000'000;
        threads.push_back(start_thread(be_hog, &hog));
    }
    for (const pthread_t thread : threads)
        pthread_join(thread, nullptr);
    std::uint64_t total = 0;
    std::uint64_t fewest = UINT64_MAX;
    std::uint64_t most = 0;
    for (const auto& hog : all) {
        total += hog.chunks;
        fewest = std::min(fewest, hog.chunks);
        most = std::max(most, hog.chunks);
    }
    const double per_second =
        static_cast<double>(kChunk) * 1000 / static_cast<double>(options.duration_ms) / 1e6;
    fmt::print("total_mit_s={:.2f} fewest_mit_s={:.2f} most_mit_s={:.2f}\n",
               static_cast<double>(total) * per_second, static_cast<double>(fewest) * per_second,
               static_cast<double>(most) * per_second);
    return total > 0 ? 0 : 1;
}

} // namespace rustland::vm

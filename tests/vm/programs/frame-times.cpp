// SPDX-License-Identifier: GPL-2.0-only
// Preloaded into a game that uses SDL 2: when each frame was handed over for display, in
// nanoseconds of CLOCK_MONOTONIC, one line each, written to the file $FRAME_TIMES when the game
// ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>

namespace {

constexpr std::size_t kRoom = 1 << 18; // frames; nothing is allocated while the game runs

struct Recorder {
    std::size_t count = 0;
    std::int64_t frames[kRoom] = {};

    Recorder() = default;
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;
    Recorder(Recorder&&) = delete;
    Recorder& operator=(Recorder&&) = delete;
    ~Recorder() {
        const char* path = std::getenv("FRAME_TIMES");
        if (!path || count == 0) // a helper of the game inherits us, too
            return;
        if (std::FILE* file = std::fopen(path, "w")) {
            for (std::size_t i = 0; i < count; ++i)
                std::fprintf(file, "%lld\n", static_cast<long long>(frames[i]));
            std::fclose(file);
        }
    }
};
Recorder recorder; // the game draws in one thread

} // namespace

// The signature is SDL's; its type is not needed here.
extern "C" __attribute__((visibility("default"))) void SDL_RenderPresent(void* renderer) {
    using Present = void (*)(void*);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how dlsym gives functions
    static const auto next = reinterpret_cast<Present>(::dlsym(RTLD_NEXT, "SDL_RenderPresent"));
    if (!next)
        std::abort();
    next(renderer);
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    if (recorder.count < kRoom)
        recorder.frames[recorder.count++] = now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// SPDX-License-Identifier: GPL-2.0-only
// Plays a scheduler on a directory that plays /sys/kernel/sched_ext: attaches, stays until it is
// asked to leave, or misbehaves as its options say.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace {

volatile std::sig_atomic_t g_stop = 0;

void on_signal(int) { g_stop = 1; }

void put(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".new";
    std::ofstream(fresh) << text << "\n";
    std::filesystem::rename(fresh, path);
}

void attach(const std::string& root, const std::string& ops) {
    int seq = 0;
    std::ifstream(root + "/enable_seq") >> seq;
    std::filesystem::create_directories(root + "/root");
    put(root + "/enable_seq", std::to_string(seq + 1));
    put(root + "/root/ops", ops);
    put(root + "/state", "enabled");
}

void detach(const std::string& root) {
    put(root + "/state", "disabled");
    std::filesystem::remove_all(root + "/root");
}

void pause_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

} // namespace

int main(int argc, char** argv) {
    std::string root;
    std::string ops = "fake";
    int fail = -1;      // exit with this before attaching
    int live_ms = -1;   // eject itself after this long …
    int exit_code = 0;  // … or on a signal, with this code
    bool deaf = false;  // ignores SIGINT and SIGTERM
    bool never = false; // never attaches
    bool stay = false;  // detaches but does not end
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const std::string value = i + 1 < argc ? argv[i + 1] : "";
        if (option == "--root")
            root = value;
        else if (option == "--ops")
            ops = value;
        else if (option == "--fail")
            fail = std::atoi(value.c_str());
        else if (option == "--live")
            live_ms = std::atoi(value.c_str());
        else if (option == "--exit")
            exit_code = std::atoi(value.c_str());
        else if (option == "--deaf")
            deaf = true;
        else if (option == "--never")
            never = true;
        else if (option == "--stay")
            stay = true;
    }
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, deaf ? SIG_IGN : on_signal);
    if (fail >= 0) {
        std::fprintf(stderr, "fake scheduler: cannot load\n");
        return fail;
    }
    if (!never)
        attach(root, ops);
    std::fprintf(stderr, "fake scheduler: running\n");
    for (int passed = 0; g_stop == 0 && (live_ms < 0 || passed < live_ms); ++passed)
        pause_ms(1);
    if (!never)
        detach(root);
    while (stay && g_stop == 0)
        pause_ms(1);
    if (live_ms >= 0)
        std::fprintf(stderr, "fake scheduler: ejected\n");
    return exit_code;
}

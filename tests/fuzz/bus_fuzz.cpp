// SPDX-License-Identifier: GPL-2.0-only
// Methods of org.rustland1 called with arguments of any type and value, as the bus would deliver
// them to the daemon before the interface's own signatures are checked.
#include "check.hpp"
#include "supervisor/system/bus_interface.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

using namespace rustland::supervisor;

namespace {

// A connection that nothing is sent over: messages belong to one.
sd_bus* connection() {
    static sd_bus* const bus = [] {
        int ends[2] = {-1, -1};
        sd_bus* made = nullptr;
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 &&
            sd_bus_new(&made) >= 0 && sd_bus_set_fd(made, ends[0], ends[0]) >= 0)
            sd_bus_start(made);
        return made;
    }();
    return bus;
}

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    std::uint8_t byte() {
        if (size_ == 0)
            return 0;
        --size_;
        return *data_++;
    }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    std::string text() {
        std::string out;
        for (std::size_t n = byte() % 64; n > 0 && size_ > 0; --n)
            if (const char c = static_cast<char>(byte()); c != '\0')
                out += c;
        return out;
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
};

void append_one(sd_bus_message* m, Input& input) {
    switch (input.byte() % 6) {
    case 0:
        sd_bus_message_append(m, "s", input.text().c_str());
        break;
    case 1:
        sd_bus_message_append(m, "b", input.byte() % 2);
        break;
    case 2:
        sd_bus_message_append(m, "t", std::uint64_t{input.byte()} << (input.byte() % 64));
        break;
    case 3:
        sd_bus_message_append(m, "i", int(input.byte()) - 128);
        break;
    case 4: {
        std::vector<std::string> strings;
        for (int n = input.byte() % 4; n > 0; --n)
            strings.push_back(input.text());
        append_strings(m, strings);
        break;
    }
    default:
        sd_bus_message_append(m, "h", input.byte() % 3);
        break;
    }
}

void read_call(Input input) {
    constexpr std::string_view members[] = {
        "Start",       "Stop",      "Restart", "Switch", "Hold",    "Release", "Reload",
        "ResetFailed", "HoldPidfd", "Explain", "Resume", "GetDump", "Nothing", "ListWorkloads"};
    const std::string member(members[input.byte() % std::size(members)]);
    sd_bus_message* raw = nullptr;
    if (sd_bus_message_new_method_call(connection(), &raw, "org.rustland1", "/org/rustland1",
                                       "org.rustland1.Manager", member.c_str()) < 0)
        return;
    const BusMessage message(raw);
    for (int n = 0; n < 6 && !input.empty(); ++n)
        append_one(raw, input);
    if (sd_bus_message_seal(raw, 1, 0) < 0 || sd_bus_message_rewind(raw, 1) < 0)
        return;
    const auto request = read_bus_request(raw);
    if (!request) {
        FUZZ_CHECK(!request.error().message().empty());
        return;
    }
    FUZZ_CHECK(request->body["request"].is_string());
    // Whatever names a program is asked for as such, or as what needs no less.
    if (request->body.contains("scheduler"))
        FUZZ_CHECK(request->action != nullptr &&
                   std::string_view(request->action) == "org.rustland1.manage");
    FUZZ_CHECK(!request->body.contains("pid") || request->body["pid"].is_number_integer());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read_call(Input(data, size));
    return 0;
}

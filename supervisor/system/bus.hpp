// SPDX-License-Identifier: GPL-2.0-only
// The system bus through sd-bus, on our event loop and never blocking: calls are answered later,
// and a bus that goes (or was never there) is connected to again.
#pragma once

#include "rustland/common/clean_text.hpp"
#include "rustland/common/result.hpp"
#include "supervisor/system/loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <systemd/sd-bus.h>
#include <vector>

namespace rustland::supervisor {

struct MessageUnref {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using BusMessage = std::unique_ptr<sd_bus_message, MessageUnref>;

// A subscription or an object on the bus; ends with its owner.
class BusSlot {
  public:
    BusSlot() = default;
    BusSlot(BusSlot&& other) noexcept;
    BusSlot& operator=(BusSlot&& other) noexcept;
    BusSlot(const BusSlot&) = delete;
    BusSlot& operator=(const BusSlot&) = delete;
    ~BusSlot();
    void reset();
    explicit operator bool() const { return slot_ != nullptr; }

    using Handler = std::function<void(sd_bus_message*)>;

  private:
    friend class Bus;
    sd_bus_slot* slot_ = nullptr;
    std::shared_ptr<Handler> handler_;
};

// Which signals to hear; empty: any.
struct SignalMatch {
    const char* sender = nullptr;
    const char* path = nullptr;
    const char* interface = nullptr;
    const char* member = nullptr;
    const char* rule = nullptr; // a whole match rule of D-Bus, instead of the others
};

class Bus {
  public:
    // `address` empty: the system bus. Succeeds without a bus, too; then it is disconnected.
    static Result<std::unique_ptr<Bus>> create(Loop& loop, std::string address);
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;
    Bus(Bus&&) = delete;
    Bus& operator=(Bus&&) = delete;
    ~Bus();

    [[nodiscard]] Loop& loop() const { return loop_; }
    // Null where there is no connection.
    [[nodiscard]] sd_bus* raw() const { return bus_; }
    [[nodiscard]] bool connected() const { return bus_ != nullptr; }
    // Why there is no connection.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    // Called on each connection (true) and loss of it (false), from now on, while `owner` lives.
    void on_state(const std::shared_ptr<void>& owner, std::function<void(bool)> listener);
    // Tries to connect where there is no connection.
    void retry();

    // A method call to be filled in; null where there is no connection.
    [[nodiscard]] BusMessage method(const char* destination, const char* path,
                                    const char* interface, const char* member) const;
    // The reply, or the error's name and message. Not called any more once `owner` is gone.
    struct Failure {
        CleanLine name;
        CleanLine message;
    };
    using Answer = std::function<void(sd_bus_message* reply, const Failure* failure)>;
    void call(BusMessage message, const std::shared_ptr<void>& owner, const Answer& answer,
              Nanos timeout = seconds(25));
    // Without interest in the answer.
    void post(BusMessage message);

    // Sends and receives without the loop, before it runs and after it has ended, until `done` or
    // for as long as `patience`. sd-bus's own ways to wait (sd_bus_call(), sd_bus_flush()) have no
    // bound while a connection is being made or its buffer is full.
    void work_until(const std::function<bool()>& done, Nanos patience);

    BusSlot match(const SignalMatch& what, BusSlot::Handler handler);

  private:
    Bus(Loop& loop, std::string address) : loop_(loop), address_(std::move(address)) {}
    Status connect();
    void lost();
    void retry_later();
    void tell(bool up);

    struct Listener {
        std::weak_ptr<void> owner;
        std::function<void(bool)> call;
    };
    Loop& loop_;
    std::string address_;
    std::string problem_;
    sd_bus* bus_ = nullptr;
    BusSlot disconnected_;
    Source retry_timer_;
    Nanos delay_ = seconds(1); // until the next try
    Source lost_timer_;
    std::vector<Listener> listeners_;
};

// Strings into a message: an array of them. Negative: -errno.
int append_strings(sd_bus_message* message, const std::vector<std::string>& strings);
Result<std::vector<std::string>> read_strings(sd_bus_message* message);

} // namespace rustland::supervisor

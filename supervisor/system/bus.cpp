// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/bus.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace rustland::supervisor {
namespace {

// A message bus that is restarted is back soon; one that is not takes its time.
constexpr Nanos kFirstReconnect = seconds(1);
constexpr Nanos kLastReconnect = seconds(10);
// For the bus to take what was said last. It is no loss where it does not: all that must be known
// of (that a unit has stopped, say) was waited for while the loop ran, and the rest, such as a
// reply to a client or the release of a unit, ends with the connection.
constexpr Nanos kLastWords = seconds(1);

int on_signal(sd_bus_message* message, void* data, sd_bus_error*) {
    // A copy: the handler may end its own subscription.
    const auto handler = static_cast<BusSlot::Handler*>(data);
    const BusSlot::Handler run = *handler;
    run(message);
    return 0;
}

struct Pending {
    std::weak_ptr<void> owner;
    Bus::Answer answer;
};

int on_answer(sd_bus_message* message, void* data, sd_bus_error*) {
    const auto* pending = static_cast<Pending*>(data);
    const auto owner = pending->owner.lock();
    if (!owner || !pending->answer)
        return 0;
    const Bus::Answer answer = pending->answer;
    if (const sd_bus_error* error = sd_bus_message_get_error(message); error != nullptr) {
        const Bus::Failure failure{error->name != nullptr ? error->name : "",
                                   error->message != nullptr ? error->message : ""};
        answer(nullptr, &failure);
    } else {
        answer(message, nullptr);
    }
    return 0;
}

void free_pending(void* data) { delete static_cast<Pending*>(data); }

} // namespace

BusSlot::BusSlot(BusSlot&& other) noexcept
    : slot_(std::exchange(other.slot_, nullptr)), handler_(std::move(other.handler_)) {}

BusSlot& BusSlot::operator=(BusSlot&& other) noexcept {
    if (this != &other) {
        reset();
        slot_ = std::exchange(other.slot_, nullptr);
        handler_ = std::move(other.handler_);
    }
    return *this;
}

BusSlot::~BusSlot() { reset(); }

void BusSlot::reset() {
    sd_bus_slot_unref(std::exchange(slot_, nullptr));
    handler_.reset();
}

Result<std::unique_ptr<Bus>> Bus::create(Loop& loop, std::string address) {
    std::unique_ptr<Bus> self(new Bus(loop, std::move(address)));
    Bus* raw = self.get();
    auto retry = loop.timer([raw] { raw->retry(); });
    auto lost = loop.timer([raw] { raw->lost(); });
    if (!retry || !lost)
        return retry ? lost.error() : retry.error();
    self->retry_timer_ = *std::move(retry);
    self->lost_timer_ = *std::move(lost);
    if (const Status status = self->connect(); !status) {
        self->problem_ = status.error().message();
        self->retry_later();
    }
    return self;
}

Bus::~Bus() {
    disconnected_.reset();
    if (bus_ != nullptr) {
        work_until(
            [this] {
                std::uint64_t waiting = 0;
                return sd_bus_get_n_queued_write(bus_, &waiting) < 0 || waiting == 0;
            },
            kLastWords);
        sd_bus_close(bus_);
        sd_bus_unref(bus_);
    }
}

Status Bus::connect() {
    sd_bus* bus = nullptr;
    int r = 0;
    if (address_.empty()) {
        r = sd_bus_open_system(&bus);
    } else {
        r = sd_bus_new(&bus);
        if (r >= 0)
            r = sd_bus_set_address(bus, address_.c_str());
        if (r >= 0)
            r = sd_bus_set_bus_client(bus, 1);
        if (r >= 0)
            r = sd_bus_start(bus);
    }
    // Our own end does that (work_until()): the loop's would flush, and so wait, without a bound.
    if (r >= 0)
        r = sd_bus_set_close_on_exit(bus, 0);
    if (r >= 0)
        r = sd_bus_attach_event(bus, loop_.raw(), SD_EVENT_PRIORITY_NORMAL);
    if (r < 0) {
        sd_bus_unref(bus);
        return Error::from_code("message bus", -r);
    }
    bus_ = bus;
    problem_.clear();
    // Not from within the dispatch of the dying connection.
    disconnected_ = match(
        {nullptr, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected"},
        [this](sd_bus_message*) { lost_timer_.arm(monotonic_now()); });
    return {};
}

void Bus::lost() {
    log::warn("the connection to the message bus is lost; going on without");
    disconnected_.reset();
    tell(false);
    sd_bus_close(bus_);
    sd_bus_unref(std::exchange(bus_, nullptr));
    problem_ = "the connection is lost";
    delay_ = kFirstReconnect;
    retry_later();
}

void Bus::retry_later() {
    retry_timer_.arm(monotonic_now() + delay_);
    delay_ = std::min(delay_ * 2, kLastReconnect);
}

void Bus::retry() {
    if (connected())
        return;
    if (const Status status = connect(); !status) {
        problem_ = status.error().message();
        return retry_later();
    }
    delay_ = kFirstReconnect;
    log::info("connected to the message bus");
    tell(true);
}

void Bus::on_state(const std::shared_ptr<void>& owner, std::function<void(bool)> listener) {
    listeners_.push_back({owner, std::move(listener)});
}

void Bus::tell(bool up) {
    std::erase_if(listeners_, [](const Listener& l) { return l.owner.expired(); });
    const std::vector<Listener> all = listeners_;
    for (const Listener& listener : all)
        if (const auto owner = listener.owner.lock())
            listener.call(up);
}

BusMessage Bus::method(const char* destination, const char* path, const char* interface,
                       const char* member) const {
    sd_bus_message* message = nullptr;
    if (bus_ == nullptr ||
        sd_bus_message_new_method_call(bus_, &message, destination, path, interface, member) < 0)
        return nullptr;
    return BusMessage(message);
}

void Bus::call(BusMessage message, const std::shared_ptr<void>& owner, const Answer& answer,
               Nanos timeout) {
    int r = -ENOTCONN;
    if (bus_ != nullptr && message) {
        auto pending = std::make_unique<Pending>(Pending{owner, answer});
        sd_bus_slot* slot = nullptr;
        r = sd_bus_call_async(bus_, &slot, message.get(), on_answer, pending.get(),
                              static_cast<std::uint64_t>(timeout.value / 1000));
        if (r >= 0) {
            sd_bus_slot_set_destroy_callback(slot, free_pending);
            static_cast<void>(pending.release());
            sd_bus_slot_set_floating(slot, 1);
            sd_bus_slot_unref(slot);
            return;
        }
    }
    const Failure failure{"", Error::from_code("message bus", -r).message()};
    answer(nullptr, &failure);
}

void Bus::post(BusMessage message) {
    if (bus_ == nullptr || !message)
        return;
    sd_bus_message_set_expect_reply(message.get(), 0);
    sd_bus_send(bus_, message.get(), nullptr);
}

void Bus::work_until(const std::function<bool()>& done, Nanos patience) {
    const Nanos deadline = monotonic_now() + patience;
    while (bus_ != nullptr && !done()) {
        int r = sd_bus_process(bus_, nullptr);
        const Nanos left = deadline - monotonic_now();
        if (left.value <= 0)
            return;
        if (r == 0)
            r = sd_bus_wait(bus_, static_cast<std::uint64_t>(left.value / 1000));
        if (r < 0 && r != -EINTR)
            return;
    }
}

BusSlot Bus::match(const SignalMatch& what, BusSlot::Handler handler) {
    BusSlot slot;
    if (bus_ == nullptr)
        return slot;
    slot.handler_ = std::make_shared<BusSlot::Handler>(std::move(handler));
    const int r =
        what.rule != nullptr
            ? sd_bus_add_match_async(bus_, &slot.slot_, what.rule, on_signal, nullptr,
                                     slot.handler_.get())
            : sd_bus_match_signal_async(bus_, &slot.slot_, what.sender, what.path, what.interface,
                                        what.member, on_signal, nullptr, slot.handler_.get());
    if (r < 0)
        log::warn("{}; ignoring", Error::from_code("listen on the message bus", -r).message());
    return slot;
}

int append_strings(sd_bus_message* message, const std::vector<std::string>& strings) {
    int r = sd_bus_message_open_container(message, 'a', "s");
    for (std::size_t i = 0; r >= 0 && i < strings.size(); ++i)
        r = sd_bus_message_append_basic(message, 's', strings[i].c_str());
    return r < 0 ? r : sd_bus_message_close_container(message);
}

Result<std::vector<std::string>> read_strings(sd_bus_message* message) {
    std::vector<std::string> out;
    int r = sd_bus_message_enter_container(message, 'a', "s");
    const char* text = nullptr;
    while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &text)) > 0)
        out.emplace_back(text);
    if (r >= 0)
        r = sd_bus_message_exit_container(message);
    if (r < 0)
        return Error::from_code("a message on the bus", -r);
    return out;
}

} // namespace rustland::supervisor

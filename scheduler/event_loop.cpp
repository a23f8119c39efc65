// SPDX-License-Identifier: GPL-2.0-only
#include "event_loop.hpp"

#include <ctime>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace rustland {

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll)
        return Error::from_errno("epoll");
    return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

Status EventLoop::watch(int fd, std::uint32_t events, Handler handler) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return Error::from_errno("epoll: watching a descriptor");
    handlers_[fd] = std::make_shared<Handler>(std::move(handler));
    return {};
}

Status EventLoop::change(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)
        return Error::from_errno("epoll: changing a descriptor");
    return {};
}

void EventLoop::forget(int fd) {
    if (handlers_.erase(fd) > 0)
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Status EventLoop::run() {
    stopped_ = false;
    while (!stopped_) {
        // One at a time: an event that was fetched together with this one could belong to a
        // descriptor that this one's handler closes.
        epoll_event event{};
        const int ready = ::epoll_wait(epoll_.get(), &event, 1, -1);
        if (ready < 0 && errno != EINTR)
            return Error::from_errno("waiting for events");
        if (ready <= 0)
            continue;
        const auto found = handlers_.find(event.data.fd);
        if (found == handlers_.end())
            continue;
        const std::shared_ptr<Handler> handler = found->second; // it may forget itself
        (*handler)(event.events);
    }
    return {};
}

Result<IntervalTimer> IntervalTimer::every(Nanos interval) {
    UniqueFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!fd)
        return Error::from_errno("timer");
    itimerspec spec{};
    spec.it_interval.tv_sec = static_cast<time_t>(interval.value / 1'000'000'000);
    spec.it_interval.tv_nsec = static_cast<long>(interval.value % 1'000'000'000);
    spec.it_value = spec.it_interval;
    if (::timerfd_settime(fd.get(), 0, &spec, nullptr) != 0)
        return Error::from_errno("setting a timer");
    return IntervalTimer(std::move(fd));
}

void IntervalTimer::acknowledge() {
    std::uint64_t expirations = 0;
    // Nothing to read is fine.
    static_cast<void>(!::read(fd_.get(), &expirations, sizeof(expirations)));
}

} // namespace rustland

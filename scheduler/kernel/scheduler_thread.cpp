// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/scheduler_thread.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/kernel/allocation_sink.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rustland {
namespace {

// For the signal handler, which gets no argument.
std::atomic<SchedulerThread*> the_thread{nullptr};

// Decisions that the kernel was not ready for are said again at once this often, then after a
// pause: the CPU that it waits for may be ours.
constexpr int kRetriesAtOnce = 2;

timespec to_timespec(Nanos time) {
    return {static_cast<time_t>(time.value / 1'000'000'000),
            static_cast<long>(time.value % 1'000'000'000)};
}

Status add_to_epoll(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        return Error::from_errno("epoll of the scheduling thread");
    return {};
}

// The kernel sends SIGXCPU to a real-time thread that does not wait for so long.
Status limit_realtime(Nanos time) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_RTTIME, &limit) != 0)
        return Error::from_errno("reading the limit on real-time work");
    const auto wanted = static_cast<rlim_t>(time.value / 1000);
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max <= wanted)
        return Error("the hard limit on real-time work (LimitRTTIME=) is too small: raise it to "
                     "infinity, or use --no-realtime");
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_RTTIME, &limit) != 0)
        return Error::from_errno("limiting real-time work");
    return {};
}

Status become_realtime() {
    sched_param parameters{};
    parameters.sched_priority = 1;
    if (::sched_setscheduler(0, SCHED_FIFO, &parameters) == 0)
        return {};
    const auto error = Error::from_errno("real-time priority (SCHED_FIFO)");
    return Error(error.message() + ": grant CAP_SYS_NICE or LimitRTPRIO=1, or use --no-realtime",
                 error.code());
}

} // namespace

SchedulerThread::SchedulerThread(Kernel& kernel, Policy& policy, const ThreadSettings& settings)
    : settings_(settings), loop_(kernel, policy, loop_counters_, settings.slice),
      budget_(settings.budget_work, settings.budget_pause) {}

Result<std::unique_ptr<SchedulerThread>> SchedulerThread::start(Kernel& kernel, int queued_fd,
                                                                Policy& policy,
                                                                const ThreadSettings& settings) {
    std::unique_ptr<SchedulerThread> self(new SchedulerThread(kernel, policy, settings));
    SchedulerThread* none = nullptr;
    if (!the_thread.compare_exchange_strong(none, self.get()))
        return Error("a process has only one scheduling thread");
    if (auto done = self->prepare(queued_fd); !done)
        return done.error();
    if (auto done = self->launch(); !done)
        return done.error();
    self->has_started_.acquire();
    if (!self->started_) {
        Error error = self->started_.error();
        static_cast<void>(self->join_for(seconds(1)));
        return error;
    }
    return self;
}

SchedulerThread::~SchedulerThread() {
    SchedulerThread* self = this;
    the_thread.compare_exchange_strong(self, nullptr);
}

Status SchedulerThread::prepare(int queued_fd) {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    stop_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    demoted_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    attention_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll_ || !stop_fd_ || !demoted_fd_ || !attention_fd_)
        return Error::from_errno("descriptors of the scheduling thread");
    if (auto done = add_to_epoll(epoll_.get(), queued_fd); !done)
        return done;
    if (auto done = add_to_epoll(epoll_.get(), stop_fd_.get()); !done)
        return done;
    if (!settings_.realtime)
        return {};
    struct sigaction action = {};
    action.sa_handler = on_runaway;
    action.sa_flags = SA_RESTART;
    if (::sigaction(SIGXCPU, &action, nullptr) != 0)
        return Error::from_errno("handler for SIGXCPU");
    return limit_realtime(settings_.runaway_after);
}

// The new thread inherits a mask with all signals blocked, and opens the one that is meant for it.
Status SchedulerThread::launch() {
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    int error = ::pthread_attr_setstacksize(&attributes, settings_.stack_bytes);
    if (error == 0)
        error = ::pthread_create(&thread_, &attributes, entry, this);
    ::pthread_attr_destroy(&attributes);
    // The main thread keeps SIGXCPU blocked: the kernel sends it to the process.
    ::sigaddset(&before, SIGXCPU);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0)
        return Error::from_code("starting the scheduling thread", error);
    launched_ = true;
    return {};
}

void SchedulerThread::request_stop() {
    stop_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // Fails only if the counter is full, and then it is readable.
    static_cast<void>(!::write(stop_fd_.get(), &one, sizeof(one)));
}

bool SchedulerThread::join_for(Nanos timeout) {
    if (!launched_)
        return true;
    const timespec until = to_timespec(monotonic_now() + timeout);
    if (::pthread_clockjoin_np(thread_, nullptr, CLOCK_MONOTONIC, &until) != 0)
        return false;
    launched_ = false;
    return true;
}

Nanos SchedulerThread::cpu_time() const {
    clockid_t clock{};
    timespec time{};
    if (!launched_ || ::pthread_getcpuclockid(thread_, &clock) != 0 ||
        ::clock_gettime(clock, &time) != 0)
        return {};
    return Nanos{std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

void* SchedulerThread::entry(void* self) {
    auto& thread = *static_cast<SchedulerThread*>(self);
    thread.started_ = thread.enter();
    const bool good = thread.started_.ok();
    if (good)
        allocation_sink = &thread.counters_.allocations;
    thread.has_started_.release();
    if (good)
        thread.run();
    allocation_sink = nullptr;
    return nullptr;
}

// On the scheduling thread: all that may fail, before it is needed.
Status SchedulerThread::enter() {
    tid_ = Pid{static_cast<std::int32_t>(::syscall(SYS_gettid))};
    ::pthread_setname_np(::pthread_self(), "rustland-sched");
    busy_since_ = monotonic_now();
    called_at_ = busy_since_;
    if (!settings_.realtime)
        return {};
    sigset_t runaway{};
    ::sigemptyset(&runaway);
    ::sigaddset(&runaway, SIGXCPU);
    ::pthread_sigmask(SIG_UNBLOCK, &runaway, nullptr);
    return become_realtime();
}

// Runs on the scheduling thread, in the middle of anything: async-signal-safe calls only.
void SchedulerThread::on_runaway(int) {
    SchedulerThread* self = the_thread.load(std::memory_order_acquire);
    if (self == nullptr)
        return;
    const int saved = errno;
    const sched_param parameters{};
    if (::sched_setscheduler(0, SCHED_OTHER, &parameters) == 0)
        self->counters_.demotions.add();
    const std::uint64_t one = 1;
    static_cast<void>(!::write(self->demoted_fd_.get(), &one, sizeof(one)));
    errno = saved;
}

void SchedulerThread::run() {
    while (!stop_.load(std::memory_order_acquire)) {
        wait();
        work();
    }
}

void SchedulerThread::wait() {
    std::array<epoll_event, 2> events{};
    ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    const Nanos now = monotonic_now();
    budget_.rested(now - busy_since_);
    busy_since_ = now;
}

// Rounds until nothing is left to do.
void SchedulerThread::work() {
    int retries = 0;
    Nanos now = busy_since_;
    while (!stop_.load(std::memory_order_acquire)) {
        const auto round = loop_.run_once(now);
        counters_.policy_waiting.store(loop_.waiting(), std::memory_order_relaxed);
        now = monotonic_now();
        account(now);
        call_for_attention(now);
        if (round == DispatchLoop::Round::Idle)
            return;
        retries = round == DispatchLoop::Round::Retry ? retries + 1 : 0;
        if (budget_.exhausted()) {
            loop_counters_.budget_sleeps.add();
            rest(budget_.pause());
            now = busy_since_;
        } else if (retries > kRetriesAtOnce) {
            rest(settings_.retry_pause);
            now = busy_since_;
        }
    }
}

void SchedulerThread::account(Nanos now) {
    const Nanos round = now - busy_since_;
    budget_.worked(round);
    if (round.value > counters_.longest_round.load(std::memory_order_relaxed))
        counters_.longest_round.store(round.value, std::memory_order_relaxed);
    busy_since_ = now;
}

void SchedulerThread::call_for_attention(Nanos now) {
    const bool first_error = !error_told_ && loop_counters_.fault.known();
    if (!first_error && now - called_at_ < settings_.attention_interval)
        return;
    error_told_ = error_told_ || first_error;
    called_at_ = now;
    const std::uint64_t one = 1;
    // Fails only if the counter is full, and then it is readable.
    static_cast<void>(!::write(attention_fd_.get(), &one, sizeof(one)));
}

void SchedulerThread::rest(Nanos time) {
    const timespec duration = to_timespec(time);
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
    const Nanos now = monotonic_now();
    budget_.rested(now - busy_since_);
    busy_since_ = now;
}

} // namespace rustland

// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/bus_service.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "supervisor/system/bus_interface.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr const char* kVanished =
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
    "member='NameOwnerChanged',arg2=''";
constexpr const char* kRunProgramAction = "org.rustland1.run-program";
// As much of it as somebody who is asked for a password reads.
constexpr std::size_t kLongestProgram = 300;

int on_method(sd_bus_message* message, void* data, sd_bus_error*) {
    return static_cast<BusService*>(data)->method(message);
}

int on_property(sd_bus*, const char*, const char*, const char* name, sd_bus_message* reply,
                void* data, sd_bus_error*) {
    return static_cast<BusService*>(data)->property(name, reply);
}

constexpr std::uint64_t kChanges = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;
// polkit is asked, so the bus need not ask for a capability.
constexpr std::uint64_t kOpen = SD_BUS_VTABLE_UNPRIVILEGED;

#define RUSTLAND_METHOD(name, in, in_names, out, out_names)                                        \
    SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, on_method, kOpen)
#define RUSTLAND_PROPERTY(name, type) SD_BUS_PROPERTY(name, type, on_property, 0, kChanges)

// NOLINTBEGIN
const sd_bus_vtable kInterface[] = {
    SD_BUS_VTABLE_START(0),
    RUSTLAND_METHOD("Start", "sasb",
                    SD_BUS_PARAM(scheduler) SD_BUS_PARAM(arguments) SD_BUS_PARAM(take_over), "", ),
    SD_BUS_METHOD("Stop", "", "", on_method, kOpen),
    SD_BUS_METHOD("Restart", "", "", on_method, kOpen),
    RUSTLAND_METHOD("Switch", "sas", SD_BUS_PARAM(scheduler) SD_BUS_PARAM(arguments), "", ),
    RUSTLAND_METHOD("Hold", "ssas",
                    SD_BUS_PARAM(reason) SD_BUS_PARAM(scheduler) SD_BUS_PARAM(arguments), "ts",
                    SD_BUS_PARAM(cookie) SD_BUS_PARAM(problem)),
    RUSTLAND_METHOD("HoldPidfd", "hssas",
                    SD_BUS_PARAM(pidfd) SD_BUS_PARAM(reason) SD_BUS_PARAM(scheduler)
                        SD_BUS_PARAM(arguments),
                    "ts", SD_BUS_PARAM(cookie) SD_BUS_PARAM(problem)),
    RUSTLAND_METHOD("Release", "t", SD_BUS_PARAM(cookie), "", ),
    SD_BUS_METHOD("Reload", "", "", on_method, kOpen),
    SD_BUS_METHOD("ResetFailed", "", "", on_method, kOpen),
    SD_BUS_METHOD("Resume", "", "", on_method, kOpen),
    RUSTLAND_METHOD("GetDump", "", , "s", SD_BUS_PARAM(dump)),
    RUSTLAND_METHOD("Explain", "i", SD_BUS_PARAM(pid), "s", SD_BUS_PARAM(json)),
    RUSTLAND_METHOD("ListWorkloads", "", , "a(sisbs)", SD_BUS_PARAM(workloads)),
    SD_BUS_PROPERTY("Version", "s", on_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    RUSTLAND_PROPERTY("State", "s"),
    RUSTLAND_PROPERTY("Reason", "s"),
    RUSTLAND_PROPERTY("Scheduler", "s"),
    RUSTLAND_PROPERTY("Arguments", "as"),
    RUSTLAND_PROPERTY("KernelState", "s"),
    RUSTLAND_PROPERTY("KernelScheduler", "s"),
    RUSTLAND_PROPERTY("Foreign", "s"),
    RUSTLAND_PROPERTY("ActiveWorkloads", "a(su)"),
    RUSTLAND_PROPERTY("Holds", "a(ts)"),
    RUSTLAND_PROPERTY("LastExit", "a{sv}"),
    RUSTLAND_PROPERTY("Quarantined", "a(ss)"),
    SD_BUS_SIGNAL_WITH_NAMES("StateChanged", "ss", SD_BUS_PARAM(state) SD_BUS_PARAM(reason), 0),
    SD_BUS_SIGNAL_WITH_NAMES("WorkloadStarted", "s", SD_BUS_PARAM(workload), 0),
    SD_BUS_SIGNAL_WITH_NAMES("WorkloadEnded", "s", SD_BUS_PARAM(workload), 0),
    SD_BUS_SIGNAL_WITH_NAMES("HoldAdded", "ts", SD_BUS_PARAM(cookie) SD_BUS_PARAM(reason), 0),
    SD_BUS_SIGNAL_WITH_NAMES("HoldReleased", "t", SD_BUS_PARAM(cookie), 0),
    SD_BUS_SIGNAL_WITH_NAMES("SchedulerExited", "ss", SD_BUS_PARAM(kind) SD_BUS_PARAM(reason), 0),
    SD_BUS_SIGNAL_WITH_NAMES("Event", "xss",
                             SD_BUS_PARAM(time_ms) SD_BUS_PARAM(kind) SD_BUS_PARAM(text), 0),
    SD_BUS_VTABLE_END};
// NOLINTEND
#undef RUSTLAND_METHOD
#undef RUSTLAND_PROPERTY

int on_name(sd_bus_message* message, void* data, sd_bus_error*) {
    static_cast<BusService*>(data)->name_answered(message);
    return 1;
}

// How often a name that somebody else has is asked for.
constexpr Nanos kNamePause = millis(200);
constexpr Nanos kLongNamePause = seconds(10);
// A client that reads all properties gets them from one look at the machine.
constexpr Nanos kStatusAge = millis(50);
// What the bus answers to a request for a name.
constexpr std::uint32_t kNameIsOurs = 1;
constexpr std::uint32_t kNameIsOursAlready = 4;

// The values of `key` that are in `a` and not in `b`.
json missing_in(const json& a, const json& b, const char* key) {
    json out = json::array();
    for (const json& item : a)
        if (std::none_of(b.begin(), b.end(), [&](const json& o) { return o[key] == item[key]; }))
            out.push_back(item);
    return out;
}

} // namespace

// One method call on its way: from the message to the reply.
struct BusService::Call {
    BusMessage message;
    BusRequest request;
    Peer peer;
};

Result<std::unique_ptr<BusService>> BusService::create(Bus& bus, Daemon& daemon,
                                                       BusServiceOptions options) {
    std::unique_ptr<BusService> self(new BusService(bus, daemon, std::move(options)));
    BusService* raw = self.get();
    auto timer = bus.loop().timer([raw] { raw->ask_for_name(); });
    if (!timer)
        return timer.error();
    self->name_timer_ = *std::move(timer);
    // The daemon may live longer than this: it is told of the end by the weak pointer.
    const std::weak_ptr<int> life = self->life_;
    daemon.on_change([raw, life] {
        if (!life.expired())
            raw->changed();
    });
    daemon.on_event([raw, life](const HistoryEntry& entry) {
        if (!life.expired())
            raw->happened(entry);
    });
    bus.on_state(self->life_, [raw](bool up) { up ? raw->publish() : raw->withdraw(); });
    if (bus.connected())
        self->publish();
    return self;
}

BusService::~BusService() {
    // The daemon ends, too: the holds of its clients must not end before, and the scheduler with
    // them, when it is to be left to the next daemon.
    sd_bus_slot_unref(object_);
    sd_bus_slot_unref(name_);
}

void BusService::publish() {
    last_ = daemon_.lasting_status();
    // One subscription for all: a user with many connections must not use up how many we may have.
    SignalMatch vanished;
    vanished.rule = kVanished;
    vanished_ = bus_.match(vanished, [this](sd_bus_message* m) {
        const char* name = nullptr;
        if (sd_bus_message_read_basic(m, 's', &name) > 0)
            client_left(name);
    });
    int r =
        sd_bus_add_object_vtable(bus_.raw(), &object_, kBusPath, kBusInterface, kInterface, this);
    if (r < 0)
        return daemon_.bus_problem(Error::from_code("serve on the bus", -r).message() +
                                   "; the local socket alone is served");
    name_asked_ = monotonic_now();
    ask_for_name();
}

void BusService::ask_for_name() {
    name_ = sd_bus_slot_unref(name_);
    if (!bus_.connected())
        return;
    const int r = sd_bus_request_name_async(bus_.raw(), &name_, kBusName, 0, on_name, this);
    if (r < 0)
        daemon_.bus_problem(Error::from_code("ask for the name on the bus", -r).message() +
                            "; the local socket alone is served");
}

void BusService::name_answered(sd_bus_message* answer) {
    std::uint32_t code = 0;
    // The bus's policy: it does not become another by asking again.
    if (const sd_bus_error* error = sd_bus_message_get_error(answer); error != nullptr)
        return daemon_.bus_problem(fmt::format(
            "the bus does not give us {} ({}); the local socket alone is served; install the "
            "policy org.rustland1.conf and reload the bus",
            kBusName, error->message));
    if (sd_bus_message_read(answer, "u", &code) < 0)
        return;
    if (code == kNameIsOurs || code == kNameIsOursAlready) {
        had_name_ = true;
        return daemon_.bus_problem("");
    }
    const bool patient = monotonic_now() - name_asked_ < options_.name_patience;
    name_timer_.arm(monotonic_now() + (patient ? kNamePause : kLongNamePause));
    if (patient)
        return;
    daemon_.bus_problem(fmt::format("another program has {} on the bus, another rustlandd perhaps; "
                                    "the local socket alone is served; end that one (busctl status "
                                    "{} names it)",
                                    kBusName, kBusName));
    if (const auto taken = options_.name_taken; taken && !std::exchange(had_name_, true))
        taken();
}

void BusService::withdraw() {
    name_timer_.disarm();
    object_ = sd_bus_slot_unref(object_);
    name_ = sd_bus_slot_unref(name_);
    vanished_.reset();
    while (!clients_.empty())
        client_left(clients_.begin()->first);
}

// --- methods ---------------------------------------------------------------------------------

int BusService::method(sd_bus_message* message) {
    auto request = read_bus_request(message);
    if (!request)
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_INVALID_ARGS, "%s",
                                          request.error().message().c_str());
    auto call = std::make_shared<Call>();
    call->message.reset(sd_bus_message_ref(message));
    call->request = *std::move(request);
    // Known before it is asked for: should it leave meanwhile, either we are told or it is not
    // found.
    call->peer.id = client(sd_bus_message_get_sender(message));
    authority_.identify(sd_bus_message_get_sender(message),
                        [this, call](const auto& sender) { identified(call, sender); });
    return 1;
}

void BusService::identified(const std::shared_ptr<Call>& call, const Result<Sender>& sender) {
    if (!sender) {
        client_left(sd_bus_message_get_sender(call->message.get()));
        sd_bus_reply_method_errorf(call->message.get(), kBusDenied, "%s",
                                   sender.error().message().c_str());
        return;
    }
    call->peer.uid = sender->uid;
    call->peer.pid = sender->pid;
    if (!rate_.take_single(sender->uid, monotonic_now())) {
        sd_bus_reply_method_errorf(call->message.get(), SD_BUS_ERROR_LIMITS_EXCEEDED,
                                   "too many requests in a short time; wait a moment");
        return;
    }
    const char* action = call->request.action;
    if (action == nullptr)
        return allowed(call);
    Authority::Question question;
    question.action = action;
    question.request = call->request.body.value("request", std::string());
    if (call->request.body.value("take_over", false))
        question.request += " --take-over";
    question.interactive =
        sd_bus_message_get_allow_interactive_authorization(call->message.get()) > 0;
    Right right = std::string_view(action) == kHoldAction ? Right::Hold : Right::Manage;
    // To name a program that the configuration does not is to have it run as root.
    if (const auto spec = daemon_.unnamed_scheduler(call->request.body)) {
        question.action = kRunProgramAction;
        question.program = CleanLine(spec->command(), kLongestProgram);
        right = Right::RunProgram;
    }
    authority_.check(*sender, question, [this, call, right](const Status& status) {
        if (!status) {
            sd_bus_reply_method_errorf(call->message.get(), kBusDenied, "%s",
                                       status.error().message().c_str());
            return;
        }
        call->peer.right = right;
        allowed(call);
    });
}

void BusService::allowed(const std::shared_ptr<Call>& call) {
    // Gone while polkit asked the user.
    if (clients_.count(sd_bus_message_get_sender(call->message.get())) == 0)
        return;
    const Peer peer = call->peer;
    daemon_.request(
        peer, call->request.body,
        [call](const json& answer) {
            const int r = send_bus_answer(call->message.get(), answer);
            if (r >= 0)
                return;
            // Nobody is left to wait for an answer that cannot be written.
            const Error error = Error::from_code("the answer cannot be sent on the bus", -r);
            log::warn("{}", error.message());
            sd_bus_reply_method_errorf(call->message.get(), kBusFailed, "%s",
                                       error.message().c_str());
        },
        std::move(call->request.pidfd));
}

// --- clients ---------------------------------------------------------------------------------

ClientId BusService::client(const std::string& name) {
    auto& known = clients_[name];
    if (known)
        return known->id;
    known = std::make_unique<Client>();
    known->id = next_client_++;
    return known->id;
}

void BusService::client_left(const std::string& name) {
    const auto it = clients_.find(name);
    if (it == clients_.end())
        return;
    const std::unique_ptr<Client> client = std::move(it->second);
    clients_.erase(it);
    daemon_.client_left(client->id);
}

// --- what changes -----------------------------------------------------------------------------

int BusService::property(const char* name, sd_bus_message* reply) {
    const Nanos now = monotonic_now();
    if (shown_.is_null() || now - shown_at_ >= kStatusAge) {
        shown_ = daemon_.lasting_status();
        shown_at_ = now;
    }
    return append_property(reply, name, shown_);
}

void BusService::changed() {
    shown_ = nullptr;
    if (!bus_.connected() || last_.is_null())
        return;
    const json now = daemon_.lasting_status();
    const json before = std::exchange(last_, now);
    std::vector<std::string> names = changed_properties(before, now);
    if (names.empty())
        return;
    std::vector<char*> list;
    for (std::string& name : names)
        list.push_back(name.data());
    list.push_back(nullptr);
    sd_bus_emit_properties_changed_strv(bus_.raw(), kBusPath, kBusInterface, list.data());
    const auto emit = [this](const char* signal, const char* types, auto... values) {
        sd_bus_emit_signal(bus_.raw(), kBusPath, kBusInterface, signal, types, values...);
    };
    const auto text = [](const json& value) { return value.get<std::string>(); };
    for (const json& w : missing_in(now["workloads"], before["workloads"], "rule"))
        emit("WorkloadStarted", "s", text(w["rule"]).c_str());
    for (const json& w : missing_in(before["workloads"], now["workloads"], "rule"))
        emit("WorkloadEnded", "s", text(w["rule"]).c_str());
    for (const json& h : missing_in(now["holds"], before["holds"], "cookie"))
        emit("HoldAdded", "ts", h["cookie"].get<std::uint64_t>(), text(h["reason"]).c_str());
    for (const json& h : missing_in(before["holds"], now["holds"], "cookie"))
        emit("HoldReleased", "t", h["cookie"].get<std::uint64_t>());
    if (now["last_exit"] != before["last_exit"])
        emit("SchedulerExited", "ss", text(now["last_exit"]["kind"]).c_str(),
             text(now["last_exit"]["reason"]).c_str());
    if (now["state"] != before["state"])
        emit("StateChanged", "ss", text(now["state"]).c_str(), text(now["why"]).c_str());
}

void BusService::happened(const HistoryEntry& entry) {
    if (bus_.connected())
        sd_bus_emit_signal(bus_.raw(), kBusPath, kBusInterface, "Event", "xss", entry.time_ms,
                           entry.kind.c_str(), entry.text.str().c_str());
}

} // namespace rustland::supervisor

// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/scheduler_feed.hpp"

#include <algorithm>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kSchedulerPatience{5};

Result<Client> connect(const std::string& socket, std::chrono::seconds patience) {
    return Client::connect(socket, patience, kSchedulerListener);
}

} // namespace

Value SchedulerSample::value(std::string_view name) const {
    const auto fields = stats_fields();
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& field) { return field.name == name; });
    return found == fields.end() ? std::nullopt
                                 : values.at(static_cast<std::size_t>(found - fields.begin()));
}

Result<SchedulerSample> sample_from(const json& answer) {
    if (const auto error = answer.find("error"); error != answer.end())
        return Error("rustland: " + (error->is_string() ? error->get<std::string>() : "refused"));
    const auto stats = answer.find("stats");
    if (stats == answer.end())
        return Error("rustland answered without statistics");
    auto values = values_from_json(*stats);
    if (!values)
        return values.error().with("rustland");
    SchedulerSample sample;
    try {
        sample.version = answer.value("version", "");
        sample.policy = answer.value("policy", "");
        sample.pid = answer.value("pid", std::int64_t{0});
    } catch (const json::exception&) {
        return Error("rustland answered what is not understood");
    }
    sample.values = *std::move(values);
    if (const auto waits = answer.find("waits"); waits != answer.end()) {
        const auto read = waits_from_json(*waits);
        if (!read)
            return read.error().with("rustland");
        sample.waits = *read;
    }
    return sample;
}

Result<SchedulerSample> read_scheduler(const std::string& socket) {
    auto client = connect(socket, kSchedulerPatience);
    if (!client)
        return client.error();
    if (const Status sent = client->send({{"request", "stats"}}); !sent)
        return sent.error();
    const auto answer = client->receive();
    return answer ? sample_from(*answer) : Result<SchedulerSample>(answer.error());
}

Result<SchedulerFeed> SchedulerFeed::open(const std::string& socket,
                                          std::chrono::milliseconds interval) {
    auto client = connect(socket, std::chrono::seconds(0));
    if (!client)
        return client.error();
    const double seconds = static_cast<double>(interval.count()) / 1000;
    if (const Status sent = client->send({{"request", "subscribe"}, {"interval", seconds}}); !sent)
        return sent.error();
    return SchedulerFeed(*std::move(client));
}

Result<SchedulerSample> SchedulerFeed::next() {
    const auto answer = client_.receive();
    return answer ? sample_from(*answer) : Result<SchedulerSample>(answer.error());
}

} // namespace rustland::supervisor

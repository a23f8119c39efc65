// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/seeing.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/ctl/metrics.hpp"
#include "supervisor/ctl/print.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kStatusPatience{5};

std::optional<json> supervisor_status(const CtlOptions& options) {
    auto client = Client::connect(options.socket, kStatusPatience);
    if (!client)
        return std::nullopt;
    const auto answer = client->ask({{"request", "status"}});
    if (!answer || !answer->contains("status"))
        return std::nullopt;
    return std::make_optional<json>((*answer)["status"]);
}

} // namespace

int print_metrics(const CtlOptions& options, const MetricsOptions& metrics) {
    const auto answer = read_scheduler(metrics.scheduler_socket);
    const auto sample = answer ? std::optional(*answer) : std::nullopt;
    const auto status = supervisor_status(options);
    if (options.json) {
        json scheduler;
        if (sample)
            scheduler = {{"version", sample->version},
                         {"policy", sample->policy},
                         {"stats", to_json(sample->values)},
                         {"waits", sample->waits ? to_json(*sample->waits) : json()}};
        print_json(
            {{"ok", true}, {"scheduler", scheduler}, {"supervisor", status ? *status : json()}});
        return kDone;
    }
    std::vector<MetricFamily> families = scheduler_metrics(sample);
    for (MetricFamily& family : supervisor_metrics(status))
        families.push_back(std::move(family));
    const bool older =
        metrics.format.empty() ? !metrics.output.empty() : metrics.format == "prometheus";
    const std::string text =
        to_text(families, older ? MetricsFormat::Prometheus : MetricsFormat::OpenMetrics);
    if (metrics.output.empty()) {
        fmt::print("{}", text);
        return kDone;
    }
    if (const Status written = replace_file(metrics.output, text); !written) {
        fmt::print(stderr, "rustlandctl: {}\n", written.error().message());
        return kFailed;
    }
    return kDone;
}

} // namespace rustland::supervisor

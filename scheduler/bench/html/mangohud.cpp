// SPDX-License-Identifier: GPL-2.0-only
#include "bench/html/mangohud.hpp"

#include "bench/stats.hpp"

#define CSV_IO_NO_THREAD
#include <csv.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <sstream>
#include <string_view>
#include <system_error>

namespace rustland::bench {
namespace {

// A frame time and its frame rate make a second: in milliseconds (from 0.7 on) or in microseconds.
constexpr double kMillisecondsPerSecond = 1e3;
constexpr double kMicrosecondsPerSecond = 1e6;
constexpr double kTolerance = 0.5;
// Above that the log was written with an interval and misses frames.
constexpr double kSampled = 1.5;

template <unsigned Columns>
using Reader = io::CSVReader<Columns, io::trim_chars<' ', '\t'>, io::no_quote_escape<','>,
                             io::throw_on_overflow, io::empty_line_comment>;

// A byte order mark and blank lines may stand before the first line.
std::string_view first_line(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF"))
        text.remove_prefix(3);
    text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
    return text.substr(0, text.find_first_of("\r\n"));
}

// What was written whole: rows end with a line feed. After a crash of the machine a file may go on
// with bytes that were never written.
std::string_view whole_rows(std::string_view text) {
    text = text.substr(0, text.find('\0'));
    const std::size_t last = text.rfind('\n');
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

struct Parts {
    std::string machine; // the lines about the machine, all others as blank lines
    std::string frames;  // the table of the frames, the lines before as blank lines
};

// The file has two tables, one after the other. Blank lines keep the numbers of the lines, and the
// reader passes over them.
Result<Parts> split(const std::string& text, const std::string& name) {
    Parts parts;
    bool frames = false;
    unsigned machine_lines = 0;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line.back() == '\r')
            line.pop_back();
        frames = frames || line.starts_with("fps,");
        if (!frames && line.starts_with("os,"))
            machine_lines = 2;
        parts.frames += (frames ? line : "") + "\n";
        parts.machine += (machine_lines > 0 ? line : "") + "\n";
        machine_lines -= machine_lines > 0 ? 1 : 0;
    }
    if (!frames)
        return Error(fmt::format("{}: neither a result of rustland-bench (JSON) nor a log of "
                                 "MangoHud: there is no line that begins with 'fps,frametime'",
                                 name));
    return parts;
}

std::string machine_of(const std::string& text, const std::string& name) {
    std::istringstream in(text);
    std::string kernel;
    std::string cpu;
    try {
        Reader<2> reader(name, in);
        reader.read_header(io::ignore_extra_column | io::ignore_missing_column, "kernel", "cpu");
        reader.read_row(kernel, cpu);
    } catch (const io::error::base&) {
        // A CPU's or a driver's name may hold a comma: then nothing is said of the machine.
        return {};
    }
    return kernel.empty() || cpu.empty() ? kernel + cpu : kernel + ", " + cpu;
}

// The library's own numbers are lenient.
Result<double> above_zero(std::string_view text) {
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || !(value > 0) ||
        !std::isfinite(value))
        return Error(fmt::format("'{}' is not a number above 0", text));
    return value;
}

// How many of the unit of the frame times make a second.
Result<double> units_per_second(std::vector<double> products, const std::string& name) {
    const double product = median(std::move(products));
    for (const double units : {kMillisecondsPerSecond, kMicrosecondsPerSecond})
        if (std::fabs(product / units - 1) <= kTolerance)
            return units;
    return Error(fmt::format("{}: frame rates and frame times do not belong together (their "
                             "product is {:g}, neither 1000 nor 1000000)",
                             name, product));
}

} // namespace

bool is_mangohud_summary(const std::string& text) {
    const std::string_view header = first_line(text);
    return header.find("% Min FPS,") != std::string_view::npos &&
           header.find("Average FPS") != std::string_view::npos;
}

Result<MangoHudLog> parse_mangohud(const std::string& text, const std::string& name) {
    if (is_mangohud_summary(text))
        return Error(fmt::format("{}: a summary of MangoHud, which holds no frames; give the log "
                                 "beside it",
                                 name));
    const std::string_view whole = whole_rows(text);
    const auto parts = split(std::string(whole), name);
    if (!parts)
        return parts.error();
    MangoHudLog log;
    log.cut_off = whole.size() < text.size();
    std::vector<double> products;
    std::vector<double> elapsed_ns;
    std::istringstream in(parts->frames);
    try {
        Reader<3> reader(name, in);
        reader.read_header(io::ignore_extra_column | io::ignore_missing_column, "fps", "frametime",
                           "elapsed");
        if (!reader.has_column("frametime"))
            return Error(fmt::format("{}:{}: the log has no column 'frametime': it was written by "
                                     "a MangoHud that is too old",
                                     name, reader.get_file_line()));
        const bool timed = reader.has_column("elapsed");
        std::array<const char*, 3> cells{"", "", ""};
        while (reader.read_row(cells[0], cells[1], cells[2])) {
            const auto fps = above_zero(cells[0]);
            const auto frame = above_zero(cells[1]);
            const auto elapsed = timed ? above_zero(cells[2]) : Result<double>(0.0);
            for (const auto* value : {&fps, &frame, &elapsed})
                if (!*value)
                    return value->error().with(fmt::format("{}:{}", name, reader.get_file_line()));
            log.frame_ms.push_back(*frame);
            products.push_back(*fps * *frame);
            if (timed)
                elapsed_ns.push_back(*elapsed);
        }
    } catch (const io::error::base& e) {
        const auto* line = dynamic_cast<const io::error::with_file_line*>(&e);
        std::string what = e.what();
        // The library names file and line in words; one form for all our errors.
        if (const auto at = what.find(" in line "); line != nullptr && at != std::string::npos)
            what.erase(at);
        return Error(line != nullptr ? fmt::format("{}:{}: {}", name, line->file_line, what)
                                     : fmt::format("{}: {}", name, what));
    }
    if (log.frame_ms.empty())
        return Error(name + ": the log holds no frames");
    const auto units = units_per_second(std::move(products), name);
    if (!units)
        return units.error();
    for (double& frame : log.frame_ms)
        frame *= kMillisecondsPerSecond / *units;
    if (elapsed_ns.size() > 1) {
        const double span_ms = (elapsed_ns.back() - elapsed_ns.front()) / 1e6;
        const double shown_ms = std::accumulate(log.frame_ms.begin() + 1, log.frame_ms.end(), 0.0);
        if (span_ms / shown_ms > kSampled)
            log.one_in = span_ms / shown_ms;
    }
    log.machine = machine_of(parts->machine, name);
    return log;
}

} // namespace rustland::bench

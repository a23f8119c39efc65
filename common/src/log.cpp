// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/log.hpp"

#include "rustland/common/clean_text.hpp"
#include "rustland/common/line_writer.hpp"

#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rustland {
namespace {

// What the second line of a text begins with, and those after it.
const std::string kContinued = "    ";

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
    case LogLevel::Error:
        return spdlog::level::err;
    case LogLevel::Warning:
        return spdlog::level::warn;
    case LogLevel::Info:
        return spdlog::level::info;
    case LogLevel::Debug:
        return spdlog::level::debug;
    }
    return spdlog::level::info;
}

// "<N>", the priority that journald reads from a line's start (sd-daemon(3)).
class PriorityFlag : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& msg, const std::tm&,
                spdlog::memory_buf_t& dest) override {
        const char* prefix = "<6>";
        if (msg.level >= spdlog::level::err)
            prefix = "<3>";
        else if (msg.level == spdlog::level::warn)
            prefix = "<4>";
        else if (msg.level <= spdlog::level::debug)
            prefix = "<7>";
        dest.append(prefix, prefix + 3);
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<PriorityFlag>();
    }
};

// Standard error, without waiting for its reader: what is written here comes from loops that
// others depend on.
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit StderrSink(const std::string& begin) : writer_(STDERR_FILENO, begin) {}

  protected:
    void sink_it_(const spdlog::details::log_msg& msg) override {
        spdlog::memory_buf_t line;
        formatter_->format(msg, line);
        writer_.write({line.data(), line.size()});
    }
    void flush_() override {}

  private:
    LineWriter writer_;
};

// systemd names the journal's socket by device and inode in JOURNAL_STREAM.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st = {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0)
        return false;
    return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

} // namespace

void setup_logging(const std::string& program, LogLevel level) {
    const bool journal = stderr_is_journal();
    auto sink = std::make_shared<StderrSink>(journal ? "<4>" : program + ": warning: ");
    auto logger = std::make_shared<spdlog::logger>(program, sink);
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<PriorityFlag>('*').set_pattern(journal ? "%*%v" : "%n: %l: %v");
    logger->set_formatter(std::move(formatter));
    logger->set_level(to_spdlog(level));
    spdlog::set_default_logger(logger);
}

void set_log_level(LogLevel level) { spdlog::set_level(to_spdlog(level)); }

namespace log {

void write(LogLevel level, fmt::string_view form, fmt::format_args values) {
    spdlog::logger& logger = *spdlog::default_logger_raw();
    if (!logger.should_log(to_spdlog(level)))
        return;
    fmt::memory_buffer text;
    fmt::vformat_to(fmt::appender(text), form, values);
    // Whatever got into a text from outside cannot pass for a line of ours: it is shown without
    // control characters, and what follows a line end is set in, behind a priority of its own.
    const std::string shown = clean({text.data(), text.size()}, TextShape::Block);
    std::size_t end = shown.find('\n');
    logger.log(to_spdlog(level), shown.substr(0, end));
    while (end != std::string::npos) {
        const std::size_t from = end + 1;
        end = shown.find('\n', from);
        logger.log(to_spdlog(level), kContinued + shown.substr(from, end - from));
    }
}

void flush() { spdlog::default_logger_raw()->flush(); }

} // namespace log

} // namespace rustland

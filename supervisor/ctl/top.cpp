// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/seeing.hpp"
#include "supervisor/ctl/top_source.hpp"

#include <algorithm>
#include <array>
#include <clocale>
#include <cmath>
#include <cstdlib>
#define NCURSES_NOMACROS // its macros carry the names of other things
#include <cstdio>
#include <curses.h>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

namespace rustland::supervisor {
namespace {

using std::chrono::milliseconds;

// Waits as long as the feed would, where there is no feed to wait for.
TopMoment next_after(TopSource& source, milliseconds interval) {
    if (source.fd() < 0)
        std::this_thread::sleep_for(interval);
    return source.next();
}

// The terminal while the view is on it.
class Screen {
  public:
    // Nothing where it cannot be drawn on.
    static std::unique_ptr<Screen> open() {
        std::setlocale(LC_ALL, "");
        SCREEN* const screen = ::newterm(nullptr, stdout, stdin);
        return screen == nullptr ? nullptr : std::unique_ptr<Screen>(new Screen(screen));
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen() {
        ::endwin();
        ::delscreen(screen_);
    }

    // The last row is for the keys.
    [[nodiscard]] static TopSize size() {
        return {static_cast<std::size_t>(COLS), static_cast<std::size_t>(std::max(LINES - 1, 1))};
    }
    void draw(const std::vector<Line>& lines, std::string_view bottom) {
        ::erase();
        const int room = LINES - 1;
        for (int row = 0; row < room && row < static_cast<int>(lines.size()); ++row) {
            ::move(row, 0);
            for (const Span& span : lines[static_cast<std::size_t>(row)]) {
                const auto style = attribute(span.style);
                ::attron(style);
                ::addstr(span.text.c_str());
                ::attroff(style);
            }
        }
        ::attron(A_REVERSE);
        ::mvaddnstr(LINES - 1, 0, bottom.data(), COLS - 1);
        ::attroff(A_REVERSE);
        ::refresh();
    }

  private:
    explicit Screen(SCREEN* screen) : screen_(screen) {
        ::cbreak();
        ::noecho();
        ::nodelay(stdscr, TRUE);
        ::keypad(stdscr, TRUE);
        ::curs_set(0);
        if (std::getenv("NO_COLOR") == nullptr && ::has_colors() && ::start_color() == OK) {
            ::use_default_colors();
            colours_ = true;
            ::init_pair(1, COLOR_GREEN, -1);
            ::init_pair(2, COLOR_YELLOW, -1);
            ::init_pair(3, COLOR_RED, -1);
        }
    }
    [[nodiscard]] int attribute(Style style) const {
        const auto pair = [this](short number) {
            return colours_ ? static_cast<int>(COLOR_PAIR(number)) : static_cast<int>(A_NORMAL);
        };
        switch (style) {
        case Style::Title:
            return static_cast<int>(A_BOLD);
        case Style::Dim:
            return static_cast<int>(A_DIM);
        case Style::Good:
            return pair(1);
        case Style::Note:
            return pair(2);
        case Style::Bad:
            return pair(3) | static_cast<int>(A_BOLD);
        case Style::Plain:
            break;
        }
        return static_cast<int>(A_NORMAL);
    }

    SCREEN* screen_;
    bool colours_ = false;
};

// The live view. Ends with the key q.
class View {
  public:
    View(Screen& screen, TopSource& source, milliseconds interval)
        : screen_(screen), source_(source), interval_(interval) {}

    void run() {
        before_ = now_ = source_.next();
        for (auto due = std::chrono::steady_clock::now() + interval_;;) {
            show();
            // Without a scheduler the time says when to look again.
            std::array<pollfd, 2> wait{{{STDIN_FILENO, POLLIN, 0}, {source_.fd(), POLLIN, 0}}};
            const auto left =
                std::chrono::ceil<milliseconds>(due - std::chrono::steady_clock::now());
            const bool timed = source_.fd() < 0;
            const int timeout =
                timed ? static_cast<int>(std::max(left, milliseconds(0)).count()) : -1;
            const int ready = ::poll(wait.data(), wait.size(), timeout);
            if ((wait[0].revents & (POLLHUP | POLLERR)) != 0 || !keys())
                return;
            if ((ready == 0 && timed) || (wait[1].revents != 0 && ready > 0)) {
                take(source_.next());
                due = std::chrono::steady_clock::now() + interval_;
            }
        }
    }

  private:
    void take(TopMoment moment) {
        if (still_)
            return;
        before_ = std::exchange(now_, std::move(moment));
    }
    // False for the end. The change of the terminal's size comes as a key, too.
    bool keys() {
        for (int key = ::getch(); key != ERR; key = ::getch()) {
            if (key == 'q' || key == 'Q')
                return false;
            if (key == ' ')
                still_ = !still_;
            if (key == '?' || key == 'h')
                help_ = !help_;
        }
        return true;
    }
    void show() {
        screen_.draw(help_ ? top_help(Screen::size()) : top_lines(before_, now_, Screen::size()),
                     still_ ? " q end   space go on   ? help   -- standing still -- "
                            : " q end   space stand still   ? help ");
    }

    Screen& screen_;
    TopSource& source_;
    milliseconds interval_;
    TopMoment before_;
    TopMoment now_;
    bool still_ = false;
    bool help_ = false;
};

bool can_draw() {
    const char* const terminal = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 && terminal != nullptr &&
           *terminal != '\0' && std::string_view(terminal) != "dumb";
}

void print_lines(const std::vector<Line>& lines) {
    for (const Line& line : lines) {
        std::string text;
        for (const Span& span : line)
            text += span.text;
        text.resize(text.find_last_not_of(' ') + 1);
        fmt::print("{}\n", text);
    }
}

// One view after the other. Ends when nobody reads on, or after the first with --once.
int print_views(const CtlOptions& options, const TopOptions& top, TopSource& source,
                milliseconds interval) {
    TopMoment before = source.next();
    if (top.once && !before.scheduler) {
        if (options.json)
            print_json({{"ok", false}, {"error", before.no_scheduler}});
        else
            fmt::print(stderr, "rustlandctl: {}\n", before.no_scheduler);
        return kNoDaemon;
    }
    for (;;) {
        TopMoment now = next_after(source, interval);
        if (options.json) {
            fmt::print("{}\n", top_json(before, now)
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        } else {
            print_lines(top_lines(before, now, {}));
            if (!top.once)
                fmt::print("\n");
        }
        if (std::fflush(stdout) != 0 || top.once)
            return kDone;
        before = std::move(now);
    }
}

} // namespace

int top(const CtlOptions& options, const TopOptions& top) {
    const milliseconds interval(std::lround(top.interval * 1000));
    TopSource source(top.scheduler_socket, options.socket, interval);
    if (!options.json && !top.once && can_draw())
        if (const auto screen = Screen::open()) {
            View(*screen, source, interval).run();
            return kDone;
        }
    return print_views(options, top, source, interval);
}

} // namespace rustland::supervisor

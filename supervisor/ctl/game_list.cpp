// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/game_list.hpp"

#include "supervisor/config/shapes.hpp"
#include "supervisor/config/written.hpp"
#include "supervisor/match/process_info.hpp"

#include <fmt/format.h>

namespace rustland::supervisor {
namespace {

// One section reads well up to here.
constexpr std::size_t kNamesPerSection = 500;
constexpr std::size_t kWidth = 98;

std::string sections(const std::string& name, const std::string& head,
                     const std::set<std::string>& items) {
    std::string text;
    std::string line;
    std::size_t in_section = 0;
    int number = 0;
    const auto flush_line = [&](bool last) {
        if (!line.empty())
            text += line + (last ? "\n" : ",\n");
        line.clear();
    };
    for (const std::string& item : items) {
        if (in_section == 0)
            text += fmt::format("\n[workload {}-{}]\n", name, ++number);
        if (!line.empty() && line.size() + item.size() + 3 > kWidth)
            flush_line(false);
        if (line.empty())
            line = in_section == 0 ? fmt::format("{} = {}", head, item) : "    " + item;
        else
            line += ", " + item;
        if (++in_section == kNamesPerSection) {
            flush_line(true);
            in_section = 0;
        }
    }
    flush_line(true);
    return text;
}

} // namespace

bool GameList::add(std::set<std::string>& items, const std::string& glob, bool good,
                   const std::string& where) {
    if (good && can_be_written(glob)) {
        items.insert(list_item(glob));
        return true;
    }
    problems_.push_back(where + ": the name cannot be written into a configuration");
    return false;
}

bool GameList::add_program(const std::string& name, const std::string& where) {
    // A tilde at the beginning is a character like others between brackets.
    const std::string glob =
        name.starts_with('~') ? "[~]" + literal_glob(name.substr(1)) : literal_glob(name);
    return add(programs_, glob, !why_never(Shape::Program, {glob, true}), where);
}

void GameList::add_process(const std::string& name, const std::string& where) {
    const std::string glob = literal_glob(name);
    // A Windows program's comm is its name as well, so that the other key does.
    if (add_program(name, where) && name.size() <= kCommLength && !is_windows_program(name) &&
        can_be_written(glob))
        comms_.insert(list_item(glob));
}

void GameList::add_path_part(const std::string& part, bool denied, const std::string& where) {
    const std::string glob = "*" + literal_glob(part) + "*";
    add(denied ? denied_ : paths_, glob, !why_never(Shape::Executable, {glob, true}), where);
}

ImportedRules GameList::rules(const std::string& comment) const {
    ImportedRules out;
    out.names = static_cast<int>(programs_.size() + paths_.size() + denied_.size());
    out.problems = problems_;
    out.text = "# " + comment + "\n" + sections(source_, "program", programs_) +
               sections(source_ + "-comm", "comm", comms_) +
               sections(source_ + "-path", "exe", paths_) +
               sections(source_ + "-deny", "deny = yes\nexe", denied_);
    return out;
}

} // namespace rustland::supervisor

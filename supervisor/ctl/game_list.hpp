// SPDX-License-Identifier: GPL-2.0-only
// Names of games from other programs' lists, as a configuration of ours. What a list calls a name
// is written with the key that means the same.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace rustland::supervisor {

struct ImportedRules {
    std::string text;                  // a configuration file
    int names = 0;                     // games that it lists
    std::vector<std::string> problems; // what was left out, and why
};

class GameList {
  public:
    // `source` begins the names of all sections.
    explicit GameList(std::string source) : source_(std::move(source)) {}

    // A literal name of a program. Where it cannot be written, false and a problem that begins with
    // `where`.
    bool add_program(const std::string& name, const std::string& where);
    // The same, where the list also means the kernel's own short name of a process.
    void add_process(const std::string& name, const std::string& where);
    // A part of an executable's path; denied: such a process is no workload.
    void add_path_part(const std::string& part, bool denied, const std::string& where);
    void problem(std::string text) { problems_.push_back(std::move(text)); }

    // `comment` is the first line.
    [[nodiscard]] ImportedRules rules(const std::string& comment) const;

  private:
    bool add(std::set<std::string>& items, const std::string& item, bool good,
             const std::string& where);

    std::string source_;
    std::set<std::string> programs_; // each as an item of a list in the file
    std::set<std::string> comms_;
    std::set<std::string> paths_;
    std::set<std::string> denied_;
    std::vector<std::string> problems_;
};

} // namespace rustland::supervisor

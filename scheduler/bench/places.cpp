// SPDX-License-Identifier: GPL-2.0-only
#include "bench/places.hpp"

#include "rustland/common/file.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rustland::bench {
namespace {

bool has_word(const std::string& text, const std::string& word) {
    std::istringstream words(text);
    for (std::string w; words >> w;)
        if (w == word)
            return true;
    return false;
}

constexpr const char* kSubtree = "/cgroup.subtree_control";

} // namespace

GroupTree group_tree(Setup setup) {
    switch (setup) {
    case Setup::OneSession:
    case Setup::Sessions:
        return {};
    case Setup::AppSlice: // as on a systemd desktop: the scopes of app.slice have no controller
        return {.folders = {"/app.slice", "/app.slice/game.scope", "/app.slice/load.scope",
                            "/session.slice"},
                .controlled = {""},
                .game = "/app.slice/game.scope",
                .load = "/app.slice/load.scope",
                .desktop = "/session.slice"};
    case Setup::Cgroups:
        return {.folders = {"/game", "/load", "/session.slice"},
                .controlled = {""},
                .game = "/game",
                .load = "/load",
                .desktop = "/session.slice"};
    }
    return {};
}

Result<Places> Places::create(Setup setup, const std::string& cgroup_root,
                              const std::string& autogroup) {
    Places places(setup);
    if (setup == Setup::Sessions) {
        const auto enabled = read_line(autogroup);
        if (!enabled || *enabled != "1")
            return Error(fmt::format("setup sessions: sessions are no groups to this kernel ({} is "
                                     "not 1); switch autogroup on or use control groups (@cgroups)",
                                     autogroup));
    }
    if (places.tree_.folders.empty())
        return places;
    if (auto status = places.make_groups(cgroup_root); !status)
        return status.error().with(fmt::format("setup {}", to_string(setup)));
    return places;
}

Status Places::make_groups(const std::string& cgroup_root) {
    const auto controllers = read_line(cgroup_root + "/cgroup.controllers");
    if (!controllers || !has_word(*controllers, "cpu"))
        return Error(fmt::format("{} has no control groups (version 2) with the cpu controller",
                                 cgroup_root));
    const auto enabled = read_line(cgroup_root + kSubtree);
    if (!enabled)
        return enabled.error();
    if (!has_word(*enabled, "cpu")) {
        if (auto status = write_file(cgroup_root + kSubtree, "+cpu"); !status)
            return status;
        controlled_root_ = cgroup_root;
    }
    base_ = fmt::format("{}/rustland-bench.{}", cgroup_root, ::getpid());
    std::vector<std::string> folders{""};
    folders.insert(folders.end(), tree_.folders.begin(), tree_.folders.end());
    for (const std::string& folder : folders) {
        const std::string path = base_ + folder;
        if (::mkdir(path.c_str(), 0755) != 0)
            return Error::from_errno("make the control group " + path);
        made_.push_back(path);
        if (std::find(tree_.controlled.begin(), tree_.controlled.end(), folder) !=
            tree_.controlled.end())
            if (auto status = write_file(path + kSubtree, "+cpu"); !status)
                return status;
    }
    return {};
}

Places::Places(Places&& other) noexcept
    : setup_(other.setup_), tree_(std::move(other.tree_)), base_(std::move(other.base_)),
      made_(std::exchange(other.made_, {})),
      controlled_root_(std::exchange(other.controlled_root_, {})) {}

Places::~Places() {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path)
        if (::rmdir(path->c_str()) != 0)
            fmt::print(stderr, "rustland-bench: {}\n",
                       Error::from_errno("remove the control group " + *path).message());
    if (!controlled_root_.empty())
        (void)write_file(controlled_root_ + kSubtree, "-cpu"); // others may need it by now
}

Placement Places::place(const std::string& folder) const {
    return {.own_session = setup_ == Setup::Sessions,
            .cgroup = folder.empty() ? "" : base_ + folder};
}

Placement Places::desktop() const {
    Placement where = place(tree_.desktop);
    where.own_session = true;
    return where;
}

} // namespace rustland::bench

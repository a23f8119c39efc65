// SPDX-License-Identifier: GPL-2.0-only
#include "shares/draw.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <random>

namespace rustland::shares {
namespace {

constexpr unsigned kMostTasks = 40;
constexpr unsigned kDeepest = 3;

// The standard says what this engine gives, but not what a distribution makes of it.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    // From `least` to `most`.
    unsigned between(unsigned least, unsigned most) {
        return least + static_cast<unsigned>(engine_() % (most - least + 1));
    }
    bool chance(unsigned percent) { return between(1, 100) <= percent; }
    template <typename T, std::size_t N> T of(const std::array<T, N>& choices) {
        return choices[between(0, N - 1)];
    }

  private:
    std::mt19937_64 engine_;
};

constexpr std::array kWeights{20U, 50U, 100U, 100U, 100U, 200U, 300U, 500U, 1000U};
constexpr std::array kWork{micros(300), millis(1), millis(3), millis(10)};
constexpr std::array kNaps{micros(50), micros(500), millis(2), millis(5)};
constexpr std::array kKinds{TaskKind::hog,    TaskKind::hog,   TaskKind::hog, TaskKind::sleeper,
                            TaskKind::napper, TaskKind::storm, TaskKind::pair};
constexpr std::array kNice{-5, 1, 5, 10, 19};

TaskLine draw_line(Dice& dice, const std::string& group, unsigned most) {
    TaskLine line{.group = group, .kind = dice.of(kKinds), .cpus = {}, .moves = {}};
    line.count = dice.between(1, most);
    if (line.kind != TaskKind::hog)
        line.work = dice.of(kWork);
    if (line.kind == TaskKind::sleeper)
        line.every = line.work * dice.between(2, 5);
    if (line.kind == TaskKind::napper)
        line.nap = dice.of(kNaps);
    if (dice.chance(15))
        line.nice = dice.of(kNice);
    return line;
}

class Tree {
  public:
    explicit Tree(std::uint64_t seed) : dice_(seed) {
        tree_.name = fmt::format("tree-{}", seed);
        tree_.about = fmt::format("drawn with the seed {}", seed);
        const unsigned top = dice_.between(2, 4);
        for (unsigned i = 0; i < top; ++i)
            add_group("", i, 1);
        const bool busy =
            std::any_of(tree_.tasks.begin(), tree_.tasks.end(),
                        [](const TaskLine& line) { return line.kind == TaskKind::hog; });
        if (!busy)
            tree_.tasks.push_back(
                {.group = tree_.tasks.front().group, .count = 4, .cpus = {}, .moves = {}});
    }
    Configuration take() { return std::move(tree_); }

  private:
    void add_group(const std::string& parent, unsigned index, unsigned depth) {
        Group group{.path = parent + (parent.empty() ? "" : "/") +
                            static_cast<char>('a' + static_cast<char>(index)),
                    .kind = GroupKind::cgroup,
                    .weight = {},
                    .nice = {},
                    .max = {}};
        if (parent.empty() && dice_.chance(25))
            group.kind = GroupKind::session;
        else
            group.weight = dice_.of(kWeights);
        tree_.groups.push_back(group);
        if (group.kind == GroupKind::cgroup && depth < kDeepest && dice_.chance(40)) {
            const unsigned children = dice_.between(1, 3);
            for (unsigned i = 0; i < children; ++i)
                add_group(group.path, i, depth + 1);
            return;
        }
        const unsigned lines = dice_.between(1, 2);
        for (unsigned i = 0; i < lines && tasks_ < kMostTasks; ++i) {
            TaskLine line = draw_line(dice_, group.path, std::min(4U, kMostTasks - tasks_));
            tasks_ += line.count;
            tree_.tasks.push_back(std::move(line));
        }
    }

    Dice dice_;
    Configuration tree_;
    unsigned tasks_ = 0;
};

} // namespace

Configuration draw_tree(std::uint64_t seed) { return Tree(seed).take(); }

} // namespace rustland::shares

// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace rustland::test {

// A temporary directory that stands in for /sys, /proc or /run; removed with its content.
class TempTree {
  public:
    TempTree() {
        std::string pattern = (std::filesystem::temp_directory_path() / "rustland.XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            std::abort();
        root_ = pattern;
    }
    TempTree(const TempTree&) = delete;
    TempTree& operator=(const TempTree&) = delete;
    ~TempTree() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] std::string path(const std::string& relative) const {
        return root_ + "/" + relative;
    }
    // Creates the file with its directories; a line end is added as sysfs does.
    void write(const std::string& relative, const std::string& text) const {
        const std::filesystem::path file = path(relative);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text << '\n';
    }
    void mkdir(const std::string& relative) const {
        std::filesystem::create_directories(path(relative));
    }
    void remove(const std::string& relative) const { std::filesystem::remove_all(path(relative)); }

  private:
    std::string root_;
};

} // namespace rustland::test

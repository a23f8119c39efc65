// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace rustland::test {

// A directory of its own that goes away with its owner.
class TempDir {
  public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "rustland-XXXXXX").string();
        const char* made = ::mkdtemp(pattern.data());
        root_ = made != nullptr ? made : "";
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    TempDir(TempDir&&) = delete;
    TempDir& operator=(TempDir&&) = delete;
    ~TempDir() {
        std::error_code ignored;
        if (!root_.empty())
            std::filesystem::remove_all(root_, ignored);
    }

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }

    // Writes a file, with the directories above it; returns its path.
    // NOLINTNEXTLINE(modernize-use-nodiscard): most callers know the path
    std::string write(const std::string& name, const std::string& text) const {
        const std::filesystem::path file(path(name));
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.string();
    }

  private:
    std::string root_;
};

} // namespace rustland::test

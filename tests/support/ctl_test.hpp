// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl as a program, with a daemon and a bus of its own.
#pragma once

#include "support/bus_test.hpp"

#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace rustland::test {

class CtlTest : public BusTest {
  protected:
    void SetUp() override {
        BusTest::SetUp();
        // A copy, for the build's directory may be closed to other users.
        program_ = fixture.dir().path("rustlandctl");
        std::filesystem::copy_file(RUSTLANDCTL, program_);
        ::chmod(program_.c_str(), 0755);
    }
    [[nodiscard]] std::vector<std::string> ctl(const std::vector<std::string>& arguments,
                                               bool as_root = true) const {
        std::vector<std::string> command;
        if (!as_root)
            command = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
        command.insert(command.end(), {program_, "--socket", fixture.dir().path("run/control.sock"),
                                       "--bus-address", private_bus.address()});
        command.insert(command.end(), arguments.begin(), arguments.end());
        return command;
    }
    // Whatever the daemon decides is done at once.
    std::string ask(const std::vector<std::string>& arguments, int expected = 0,
                    bool as_root = true) {
        return run(ctl(arguments, as_root), expected, [this] {
            attach()();
            if (runner->stopping)
                runner->stopped();
        });
    }

    std::string program_;
};

} // namespace rustland::test

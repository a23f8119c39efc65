// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/instance_lock.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace rustland::supervisor {

Result<UniqueFd> lock_instance(const std::string& path) {
    // For its owner alone: whoever can open it can lock it.
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd)
        return Error::from_errno(path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (errno == EWOULDBLOCK)
        return Error(path + " is locked: another rustlandd is running; stop it first (systemctl "
                            "stop rustlandd)",
                     EWOULDBLOCK);
    return Error::from_errno(path);
}

} // namespace rustland::supervisor

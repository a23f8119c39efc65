# SPDX-License-Identifier: GPL-2.0-only
"""Each file of C++ includes what it uses of the libraries, and does not count on one header of a
library to bring another along: which ones do changes with each version of a compiler.

A name counts as provided where the file itself, or a header of this project that it includes
(directly or through others of this project), includes a header that defines it.

What is looked at: every name of std:: (one that the tables do not know is a finding, too, so that they
stay complete), fmt::, nlohmann:: and CLI::, functions of the system that are written as ::name(…), and
the macros and types of the system that PATTERNS lists. What is not: other macros, members, operators
and argument-dependent look-up; builds on other releases (ci/package distro-trixie, distro-sid) find those.
"""

import os
import re

from testlib.process import ROOT, sources

# Header -> the names of std:: that it defines. A name in several lines may come from any of them.
STANDARD = {
    "algorithm": """adjacent_find all_of any_of binary_search clamp copy copy_if copy_n count
        count_if equal equal_range fill fill_n find find_first_of find_if find_if_not for_each
        for_each_n generate includes inplace_merge is_sorted iter_swap lexicographical_compare
        lower_bound make_heap max max_element merge min min_element minmax minmax_element
        mismatch next_permutation none_of nth_element partial_sort partition pop_heap
        prev_permutation push_heap ranges::* remove remove_copy_if remove_if replace replace_if
        reverse reverse_copy rotate search set_difference set_intersection set_union shuffle sort
        sort_heap stable_partition stable_sort swap_ranges transform unique unique_copy
        upper_bound""",
    "array": "array to_array tuple_size_v get",
    "atomic": """atomic atomic_ref memory_order_acquire memory_order_release memory_order_relaxed
        memory_order_seq_cst""",
    "bit": "bit_cast bit_ceil bit_floor bit_width countr_zero endian::* has_single_bit popcount",
    "bitset": "bitset hash",
    "cctype": "isalnum isalpha isdigit isprint isspace tolower toupper",
    "charconv": "from_chars to_chars chars_format",
    "chrono": "chrono chrono::* chrono_literals",
    "clocale": "setlocale",
    "cmath": """abs cbrt ceil cos exp exp2 fabs floor fmax fmin fmod hypot isfinite isinf isnan
        isnormal llround log log10 log1p log2 lrint lround modf nan nearbyint pow rint round
        signbit sin sqrt tan trunc""",
    "compare": "strong_ordering partial_ordering weak_ordering",
    "concepts": "convertible_to derived_from floating_point integral invocable same_as",
    "condition_variable": "condition_variable cv_status",
    "csignal": "signal sig_atomic_t raise",
    "cstdarg": "va_list",
    "cstddef": "byte max_align_t nullptr_t ptrdiff_t size_t",
    "cstdint": """int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t intptr_t
        uintptr_t""",
    "cstdio": """fclose fflush fopen fprintf fputs fread fwrite printf remove rename size_t snprintf
        vsnprintf FILE""",
    "cstdlib": "_Exit abort abs atoi exit getenv size_t strtoull strtoul strtol strtod",
    "cstring": "memcmp memcpy memmove memset size_t strcmp strerror strlen strncmp",
    "ctime": "size_t strftime time time_t tm",
    "deque": "deque erase_if",
    "exception": "current_exception exception exception_ptr rethrow_exception terminate",
    "filesystem": "filesystem filesystem::*",
    "fstream": "fstream ifstream ofstream ios",
    "functional": """bind_front cref equal_to function greater hash invoke less minus not_fn plus
        ref reference_wrapper""",
    "future": "async future promise",
    "initializer_list": "initializer_list",
    "iomanip": "put_time setfill setprecision setw",
    "ios": "dec fixed hex ios ios_base",
    "iosfwd": "ostream istream",
    "iostream": "cerr cin cout ios",
    "istream": "istream ios",
    "iterator": """advance back_inserter distance front_inserter inserter istream_iterator
        istreambuf_iterator make_move_iterator make_reverse_iterator next ostream_iterator prev
        reverse_iterator""",
    "limits": "numeric_limits",
    "list": "list erase_if",
    "map": "map multimap erase_if",
    "memory": """addressof align allocator construct_at default_delete destroy_at
        dynamic_pointer_cast enable_shared_from_this hash make_shared make_unique shared_ptr
        static_pointer_cast unique_ptr weak_ptr""",
    "memory_resource": "pmr pmr::*",
    "mutex": "call_once lock_guard mutex once_flag scoped_lock unique_lock",
    "new": "bad_alloc nothrow",
    "numeric": """accumulate exclusive_scan gcd inner_product iota lcm midpoint partial_sum
        reduce transform_reduce""",
    "optional": "hash in_place make_optional nullopt optional",
    "ostream": "ostream endl flush ios",
    "queue": "priority_queue queue",
    "random": """minstd_rand mt19937 mt19937_64 random_device uniform_int_distribution uniform_real_distribution
        exponential_distribution""",
    "regex": "regex regex_match regex_search smatch sregex_iterator cmatch regex_error",
    "semaphore": "binary_semaphore counting_semaphore",
    "set": "set multiset erase_if",
    "span": "as_bytes as_writable_bytes span",
    "source_location": "source_location",
    "sstream": "istringstream ostringstream stringstream ios",
    "stdexcept": "invalid_argument logic_error out_of_range runtime_error",
    "string": "erase_if getline hash stod stof stoi stol stoul stoull string to_string",
    "string_view": "string_view hash",
    "system_error": "errc error_code generic_category make_error_code system_category system_error hash",
    "thread": "jthread this_thread::* thread",
    "tuple": """apply forward_as_tuple get ignore make_tuple tie tuple tuple_cat tuple_element_t
        tuple_size_v""",
    "type_traits": """conditional_t decay_t enable_if_t false_type invoke_result_t
        is_arithmetic_v is_base_of_v is_constructible_v is_convertible_v
        is_default_constructible_v is_enum_v is_floating_point_v is_integral_v is_invocable_v
        is_nothrow_move_constructible_v is_same_v is_signed_v is_standard_layout_v
        is_trivially_copyable_v is_unsigned_v is_void_v make_signed_t make_unsigned_t
        remove_cvref_t remove_reference_t true_type type_identity_t underlying_type_t""",
    "stop_token": "stop_source stop_token",
    "unordered_map": "unordered_map erase_if",
    "unordered_set": "unordered_set erase_if",
    "utility": """as_const cmp_greater cmp_less declval exchange forward get in_place_index
        in_range index_sequence make_index_sequence make_pair move pair piecewise_construct swap
        tuple_size_v""",
    "variant": "bad_variant_access get get_if holds_alternative monostate variant visit in_place_index",
    "vector": "vector erase erase_if",
}
# What each header of a container has, too.
CONTAINERS = ("array", "deque", "iterator", "list", "map", "set", "span", "string", "string_view",
              "unordered_map", "unordered_set", "vector")
OF_CONTAINERS = "begin cbegin cend data empty end rbegin rend size ssize"
# The literals' operators come with what they make.
UNCHECKED = {"string_literals::operator", "_"}

LIBRARIES = {
    "fmt/format.h": """fmt::* fmt::appender fmt::format fmt::format_args fmt::format_string
        fmt::make_format_args fmt::memory_buffer fmt::print fmt::string_view fmt::vformat_to""",
    "fmt/core.h": """fmt::appender fmt::format fmt::format_args fmt::format_string fmt::make_format_args
        fmt::memory_buffer fmt::print fmt::string_view fmt::vformat_to""",
    "fmt/ranges.h": "fmt::join",
    "nlohmann/json.hpp": "nlohmann::json nlohmann::ordered_json",
    "nlohmann/json_fwd.hpp": "nlohmann::json nlohmann::ordered_json",
    "CLI/CLI.hpp": "CLI::*",
}

# Header -> the functions of the system that it declares.
SYSTEM = {
    "dirent.h": "closedir opendir readdir",
    "dlfcn.h": "dlsym",
    "fcntl.h": "fcntl open openat",
    "malloc.h": "malloc_trim mallopt",
    "poll.h": "poll ppoll",
    "pthread.h": """pthread_attr_destroy pthread_attr_init pthread_attr_setstacksize
        pthread_clockjoin_np pthread_create pthread_getcpuclockid pthread_setaffinity_np
        pthread_setname_np""",
    "pwd.h": "getpwnam_r",
    "sched.h": """sched_getaffinity sched_getscheduler sched_setaffinity sched_setscheduler
        sched_yield""",
    "csignal": """kill pthread_sigmask sigabbrev_np sigaction sigaddset sigemptyset sigfillset
        sigprocmask""",
    "spawn.h": """posix_spawn posix_spawn_file_actions_adddup2 posix_spawn_file_actions_addopen
        posix_spawn_file_actions_destroy posix_spawn_file_actions_init posix_spawnattr_destroy
        posix_spawnattr_init posix_spawnattr_setflags posix_spawnattr_setsigdefault
        posix_spawnattr_setsigmask posix_spawnp""",
    "cstdio": "pclose popen rename",
    "cstdlib": "mkdtemp setenv",
    "cstring": "strnlen strsignal sigabbrev_np",
    "ctime": "clock_getcpuclockid clock_gettime clock_nanosleep localtime_r nanosleep",
    "sys/epoll.h": "epoll_create1 epoll_ctl epoll_wait",
    "sys/eventfd.h": "eventfd",
    "sys/inotify.h": "inotify_add_watch inotify_init1",
    "sys/mman.h": "memfd_create mlockall mmap munlockall munmap",
    "sys/prctl.h": "prctl",
    "sys/resource.h": "getrlimit getrusage setpriority setrlimit",
    "sys/signalfd.h": "signalfd",
    "sys/socket.h": """accept accept4 bind connect getsockopt listen recv recvfrom send setsockopt
        socket socketpair""",
    "sys/stat.h": "chmod fchmod fstat lstat mkdir mkfifo stat umask",
    "sys/timerfd.h": "timerfd_create timerfd_settime",
    "sys/utsname.h": "uname",
    "sys/wait.h": "wait waitid waitpid",
    "systemd/sd-daemon.h": "sd_notify sd_notifyf",
    "unistd.h": """_exit access chown close dup dup2 execl execlp execv execvp fork geteuid getpid
        getppid getsid gettid getuid isatty lseek pause pipe pipe2 pread read readlinkat rmdir setpgid
        setresuid symlink syscall sysconf unlink write""",
}
# What macros and types of the system look like, and the headers of which each defines them.
PATTERNS = (
    (r"errno|E2BIG|EACCES|EAGAIN|EBADF|EBUSY|ECHILD|ECONNREFUSED|EEXIST|EFAULT|EINTR|EINVAL|EIO"
     r"|EISDIR|ELOOP|EMFILE|ENAMETOOLONG|ENFILE|ENOBUFS|ENODEV|ENODATA|ENOENT|ENOEXEC|ENOMEM"
     r"|ENOSPC|ENOSYS|ENOTCONN|ENOTDIR|ENOTSUP|EOPNOTSUPP|EOVERFLOW|EPERM|EPIPE|ERANGE|EROFS"
     r"|ESRCH|ETIMEDOUT", "cerrno"),
    (r"SIG(?:ABRT|CHLD|CONT|HUP|INT|KILL|PIPE|QUIT|SEGV|STOP|TERM|USR1|USR2|_[A-Z]+)|sigset_t",
     "csignal"),
    (r"W(?:IFEXITED|EXITSTATUS|IFSIGNALED|TERMSIG|NOHANG|EXITED|NOWAIT|IFSTOPPED)|P_PIDFD", "sys/wait.h"),
    (r"POLL(?:IN|OUT|ERR|HUP)|pollfd", "poll.h"),
    (r"EPOLL_?[A-Z_]+|epoll_event", "sys/epoll.h"),
    (r"EFD_[A-Z]+", "sys/eventfd.h"),
    (r"IN_(?:MODIFY|CREATE|DELETE|MOVED_TO|CLOEXEC|NONBLOCK|ONLYDIR|IGNORED|Q_OVERFLOW)|inotify_event",
     "sys/inotify.h"),
    (r"CLOCK_[A-Z_]+|TIMER_ABSTIME", "ctime"),
    (r"timespec", "ctime sys/stat.h sched.h"),
    (r"u?int(?:8|16|32|64)_t|U?INT(?:8|16|32|64)_(?:MAX|MIN)", "cstdint"),
    (r"(?:U?(?:INT|LONG|LLONG)|S?CHAR|SHRT)_(?:MAX|MIN)|PATH_MAX", "climits"),
    (r"PR_[A-Z_]+", "sys/prctl.h"),
    (r"O_[A-Z]+", "fcntl.h"),
    (r"AT_FDCWD|[FR]_OK", "fcntl.h unistd.h"),
    (r"S_I[A-Z]+", "sys/stat.h"),
    (r"(?:MAP|PROT|MCL|MFD)_[A-Z_]+", "sys/mman.h"),
    (r"(?:AF|SOCK|SO|MSG)_[A-Z]+|SOL_SOCKET|SOMAXCONN|sockaddr|socklen_t", "sys/socket.h"),
    (r"sockaddr_un", "sys/un.h"),
    (r"SCHED_[A-Z_]+|CPU_(?:SET|ZERO|ISSET)|cpu_set_t|sched_param", "sched.h"),
    (r"(?:RLIMIT|RUSAGE|PRIO)_[A-Z]+|rlimit|rusage", "sys/resource.h"),
    (r"SYS_\w+", "sys/syscall.h"),
    (r"STD(?:IN|OUT|ERR)_FILENO|_SC_[A-Z_]+", "unistd.h"),
    (r"EXIT_(?:SUCCESS|FAILURE)", "cstdlib"),
    (r"std(?:in|out|err)", "cstdio"),
    (r"(?:pid|uid|gid|mode|off|ssize)_t", "sys/types.h unistd.h fcntl.h sys/stat.h csignal sys/wait.h"),
)
# The same headers by other names.
ALIASES = {"signal.h": "csignal", "stdio.h": "cstdio", "stdlib.h": "cstdlib", "string.h": "cstring",
           "time.h": "ctime", "stdint.h": "cstdint", "stddef.h": "cstddef",
           "linux/types.h": "cstdint"}


def providers(table, prefix=""):
    """Name -> the headers of the table, of which each defines it."""
    found = {}
    for header, names in table.items():
        for name in names.split():
            found.setdefault(prefix + name, set()).update(header.split())
    return found


KNOWN = {**providers(STANDARD, "std::"),
         **providers({" ".join(CONTAINERS): OF_CONTAINERS}, "std::"),
         **providers(LIBRARIES), **providers(SYSTEM, "::")}
SHAPES = [(re.compile(rf"(?<![\w:>.])(?:{pattern})\b"), set(headers.split()))
          for pattern, headers in PATTERNS]
NAME = re.compile(r"(?<![\w:])(?:std|fmt|nlohmann|CLI)::[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*")
FUNCTION = re.compile(r"(?<![\w>:])::[a-z_]\w*(?=\()")
NOT_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'""",
                      re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>]+>|"[^"]+")', re.MULTILINE)
# What may stand between quotes: a digit separator is no character.
SEPARATOR = re.compile(r"(?<=\d)'(?=\d)")


def blank(match):
    """Nothing in the match's place, but for its lines."""
    return "\n" * match[0].count("\n") + " "


class File:
    """A file's includes, and the names that it uses: the line of the first use, and the headers that
    define the name (see wanted())."""

    def __init__(self, text):
        text = SEPARATOR.sub("", text)
        self.includes = [name[1:-1] for name in INCLUDE.findall(text)]
        code = NOT_CODE.sub(blank, INCLUDE.sub("", text))
        self.uses = {}
        for pattern in (NAME, FUNCTION):
            self._look_for(pattern, code, wanted)
        for pattern, headers in SHAPES:
            self._look_for(pattern, code, lambda _, headers=headers: headers)

    def _look_for(self, pattern, code, headers_of):
        for match in pattern.finditer(code):
            if match[0] not in self.uses:
                line = code.count("\n", 0, match.start()) + 1
                self.uses[match[0]] = (line, headers_of(match[0]))


def wanted(use):
    """The headers of which each defines the name, by the entry of the tables for it, for what it is a
    member of, or for all of a namespace; an empty set where it needs none. None for a name of std::
    without an entry."""
    parts = use.split("::")
    if use.removeprefix("std::") in UNCHECKED:
        return set()
    for count in range(len(parts), 1, -1):
        for name in ("::".join(parts[:count]), "::".join([*parts[:count - 1], "*"])):
            if name in KNOWN:
                return KNOWN[name]
    return None if parts[0] == "std" else set()


def resolve(name, including, files):
    """The project's files that may be included by that name: the one that lies there as seen from the
    including file, or else each whose path ends like that. Empty for a header of a library."""
    beside = os.path.normpath(os.path.join(os.path.dirname(including), name))
    if beside in files:
        return [beside]
    return [path for path in files if path == name or path.endswith("/" + name)]


def provided(path, files, known):
    """The headers of libraries that the file includes itself or through files of the project."""
    if path not in known:
        known[path] = found = set()  # before the loop, which ends with this file where it is a circle
        for name in files[path].includes:
            others = resolve(name, path, files)
            if not others:
                found.add(ALIASES.get(name, name))
            for other in others:
                found |= provided(other, files, known)
    return known[path]


def check(texts):
    """Findings in the files of `texts` (path -> content), as lines for a reader."""
    files = {path: File(text) for path, text in texts.items()}
    known, bad = {}, []
    for path, file in files.items():
        headers = provided(path, files, known)
        for use, (line, wanted_headers) in file.uses.items():
            if wanted_headers is None:
                bad.append(f"{path}:{line}: ci/testlib/includes.py does not know {use}: add it")
            elif wanted_headers and not wanted_headers & headers:
                names = " or ".join(f"<{header}>" for header in sorted(wanted_headers))
                bad.append(f"{path}:{line}: {use} needs #include {names}")
    return bad


# A check that has stopped to see anything passes, too: what it must and must not find, each time.
SAMPLES = (
    ({"a.cpp": "#include <string>\nstd::uint32_t a;\n"},
     ["a.cpp:2: std::uint32_t needs #include <cstdint>"]),
    ({"a.cpp": '#include "b/a.hpp"\nuint32_t a; std::string s = "std::map";  // std::set\n',
      "x/b/a.hpp": "#include <stdint.h>\n#include <string>\n"}, []),
    ({"a.cpp": "#include <fmt/format.h>\nauto a = fmt::join(b, c) + fmt::format(d);\n"},
     ["a.cpp:2: fmt::join needs #include <fmt/ranges.h>"]),
    ({"a.cpp": "#include <poll.h>\nint a = ::close(1'000) + b::poll(c) + ::poll(d);\n"},
     ["a.cpp:2: ::close needs #include <unistd.h>"]),
    ({"a.cpp": "#include <chrono>\nstd::chrono::seconds a = std::chrono::ceil<b>(c);\nstd::wrong d;\n"},
     ["a.cpp:3: ci/testlib/includes.py does not know std::wrong: add it"]),
)


def blind():
    """What the check says wrongly of the samples."""
    return [f"ci/testlib/includes.py: {texts} must give {wanted}, not {found}"
            for texts, wanted in SAMPLES if (found := check(texts)) != wanted]


def read_sources():
    """Not what is compiled for the kernel, which has no such headers."""
    texts = {}
    for path in sources(".cpp", ".hpp", ".c", ".h"):
        if not path.startswith("bpf/") or path == "bpf/rustland_abi.h":
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                texts[path] = file.read()
    return texts

// SPDX-License-Identifier: GPL-2.0-only
// Errors as values. A function that can fail returns Result<T>; the caller adds context and passes
// it on, and only the top (main, a request handler) logs it.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace rustland {

// What went wrong, for a person to read, with the errno behind it (0 where there is none).
class Error { // NOLINT(clang-analyzer-core.uninitialized.Assign): a copy inside std::variant
  public:
    explicit Error(std::string message, int code = 0) : message_(std::move(message)), code_(code) {}

    // The current errno with what was being tried: "open /x: No such file or directory".
    static Error from_errno(const std::string& what) { return from_code(what, errno); }
    static Error from_code(const std::string& what, int code) {
        return Error(what + ": " + std::strerror(code), code);
    }

    [[nodiscard]] const std::string& message() const { return message_; }
    [[nodiscard]] int code() const { return code_; }

    // The same error with what the caller was doing put before it: "context: message".
    [[nodiscard]] Error with(const std::string& context) const {
        return Error(context + ": " + message_, code_);
    }

  private:
    std::string message_;
    int code_ = 0;
};

// Either a T or an Error. Access to the one that is not there is a programming error and throws
// std::bad_variant_access.
template <typename T> class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    [[nodiscard]] T& value() & { return std::get<0>(state_); }
    [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
    [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    [[nodiscard]] T value_or(T fallback) const { return ok() ? value() : std::move(fallback); }

  private:
    std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <> class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : state_(std::move(error)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

  private:
    std::variant<std::monostate, Error> state_;
};

using Status = Result<void>;

} // namespace rustland

// The other runner of the race: a program that is started once and asked in turn, a line for a line, so that both meet the same machine.
#pragma once
#include <sys/types.h>

#include <cstdio>
#include <string>

namespace bonsai::bench {

class Peer {
 public:
  explicit Peer(const std::string& script);  // python3 SCRIPT --serve
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  const std::string& about() const { return about_; }  // the line it greets with
  std::string ask(const std::string& line);

 private:
  std::string answer();
  std::string script_, about_;
  pid_t child_ = -1;
  std::FILE *to_ = nullptr, *from_ = nullptr;
};

}  // namespace bonsai::bench

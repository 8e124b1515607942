#include "tests/bench/step_time/peer.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/error.h"

namespace bonsai::bench {

Peer::Peer(const std::string& script) : script_(script) {
  int down[2], up[2];
  require(pipe2(down, O_CLOEXEC) == 0 && pipe2(up, O_CLOEXEC) == 0, "{}: no pipe to it; try again", script);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that ends early is an error of one line
  child_ = fork();
  require(child_ >= 0, "{}: the system has no process left; try again", script);
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(down[0], STDIN_FILENO);
    dup2(up[1], STDOUT_FILENO);
    execl("/usr/bin/python3", "/usr/bin/python3", script.c_str(), "--serve", nullptr);  // (the system's, which has the system's PyTorch)
    _exit(127);
  }
  close(down[0]);
  close(up[1]);
  to_ = fdopen(down[1], "w");
  from_ = fdopen(up[0], "r");
  about_ = answer();
}

Peer::~Peer() {
  std::fclose(to_);  // it ends when there is nothing more to read
  std::fclose(from_);
  waitpid(child_, nullptr, 0);
}

std::string Peer::ask(const std::string& line) {
  std::fputs((line + "\n").c_str(), to_);
  std::fflush(to_);
  return answer();
}

std::string Peer::answer() {
  std::string line;
  int c;
  while ((c = std::fgetc(from_)) != EOF && c != '\n') line += static_cast<char>(c);
  require(c == '\n', "{}: it ended without an answer, and said why above; mend it, or go without --peers", script_);
  return line;
}

}  // namespace bonsai::bench

/*
 * Starts a command and tells every call of it, and of all that descends from it, that opens a file, starts a program,
 * speaks to another host, or changes something: as stream.h says.
 *
 *   tracer [--session] [--folder FOLDER] [--drain MILLISECONDS] [--buffer BYTES] -- COMMAND...
 *   tracer --anchor NONCE [--drain MILLISECONDS] [--buffer BYTES]
 *   tracer --probe
 *
 * The command has the three standard streams and the environment of the tracer, a session of its own with --session, and
 * nothing else of it. The tracer exits with the command's status (128 and the number of the signal that ended it), 126 or
 * 127 when it could not be started, and 125 when it cannot be observed.
 *
 * With --anchor, nothing is started: the first process that opens a path that ends in the nonce, 64 hexadecimal digits, is
 * the anchor, and what it forks from then on is told. With --probe, everything is tried, and nothing is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer.h"

enum { OBSERVER_FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

int signals;
sigset_t original_mask;
struct sigaction original_pipe_action;
struct rlimit original_memory_limit;

uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void tell_failure(uint32_t failure, const char *what, int error) {
  const struct failed_record record = {
      .header = {.type = RECORD_FAILED},
      .failure = failure,
      .error = (uint32_t)error,
  };
  tell(&record, sizeof record, what, (uint32_t)strlen(what));
}

/* The guard ends what was started. */
noreturn void fail(const char *what, int error) {
  tell_failure(FAILURE_OBSERVER, what, error);
  _exit(OBSERVER_FAILED);
}

noreturn void fail_command(const char *what, int error) {
  tell_failure(FAILURE_COMMAND, what, error);
  dismiss_guard();
  _exit(error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

static uint64_t number_of(const char *text) {
  char *end;
  errno = 0;
  uint64_t number = strtoull(text, &end, 10);
  if (errno != 0 || *text < '0' || *text > '9' || *end != 0 || number > 1u << 30) fail("usage", EINVAL);
  return number;
}

static bool is_nonce(const char *text) {
  return strlen(text) == NONCE_BYTES && strspn(text, "0123456789abcdef") == NONCE_BYTES;
}

static struct request parse(char **arguments) {
  struct request request = {.drain = 2000, .buffer = 1u << 24};
  char **at = arguments + 1;
  for (; *at != NULL && strcmp(*at, "--") != 0; at++) {
    if (strcmp(*at, "--session") == 0) request.has_own_session = true;
    else if (strcmp(*at, "--probe") == 0) request.is_probe = true;
    else if (at[1] == NULL) fail("usage", EINVAL);
    else if (strcmp(*at, "--folder") == 0) request.folder = *++at;
    else if (strcmp(*at, "--drain") == 0) request.drain = number_of(*++at);
    else if (strcmp(*at, "--buffer") == 0) request.buffer = (uint32_t)number_of(*++at);
    else if (strcmp(*at, "--anchor") == 0 && is_nonce(at[1])) request.anchor = *++at;
    else fail("usage", EINVAL);
  }
  if (*at != NULL && at[1] != NULL) request.command = at + 1;
  if ((request.command != NULL) + (request.anchor != NULL) + request.is_probe != 1) fail("usage", EINVAL);
  return request;
}

/* The command gets none of the tracer's descriptors, and its own way with signals and memory. */
static void prepare(void) {
  if (fcntl(CONTROL, F_SETFD, FD_CLOEXEC) != 0) _exit(OBSERVER_FAILED);
  if (fcntl(STREAM, F_SETFD, FD_CLOEXEC) != 0) fail("usage", errno);
  fcntl(CONTROL, F_SETFL, fcntl(CONTROL, F_GETFL) | O_NONBLOCK);
  fcntl(STREAM, F_SETFL, fcntl(STREAM, F_GETFL) | O_NONBLOCK);
  getrlimit(RLIMIT_MEMLOCK, &original_memory_limit);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &original_mask);
  sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &original_pipe_action);
  signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("signals", errno);
}

/* Everything was seen to work: nothing is to be started. */
static int end_probe(struct command *command, uint64_t attach_time) {
  kill(command->pid, SIGKILL);
  waitpid(command->pid, NULL, 0);
  dismiss_guard();
  tell_ready(RECORD_STARTED, 0, attach_time);
  return 0;
}

/*
 * Told before the command can do anything, even end its parent: whoever has not read this knows that nothing ran, and
 * whoever has read it never takes the end of the tracer for that.
 */
static void tell_release(pid_t pid, uint64_t attach_time) {
  tell_ready(RECORD_STARTED, pid, attach_time);
  if (!is_told()) fail("control", EPIPE);
}

static void tell_running(void) {
  const struct running_record record = {.header = {.type = RECORD_RUNNING}};
  tell(&record, sizeof record, NULL, 0);
}

int main(int count, char **arguments) {
  (void)count;
  uint64_t begin = now();
  prepare();
  struct request request = parse(arguments);
  struct command command = {0};
  load(&request);
  learn_depth();
  if (request.anchor != NULL) {
    tell_ready(RECORD_ATTACHED, 0, now() - begin);
    return watch(&command, &request);
  }
  start_guard();
  start_command(&command, &request);
  tag_command(command.pid);
  make_sentinel_call();
  await_sentinel();
  uint64_t attach_time = now() - begin;
  if (request.is_probe) return end_probe(&command, attach_time);
  tell_release(command.pid, attach_time);
  release(&command);
  tell_running();
  int status = watch(&command, &request);
  dismiss_guard();
  return status;
}

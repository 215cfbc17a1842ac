/* What happens while the command runs. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

/*
 * Milliseconds. How long calls lie in the ring at most, unless it fills: whoever reads them takes processor time from the
 * command, and a short command is read best when it has ended. PAUSE where something shows only when it is looked for.
 */
enum { HANDOVER = 100, PAUSE = 20, SENTINEL_PATIENCE = 5000 };

static bool is_controlled = true, is_stopped, is_ring_empty;

void await_sentinel(void) {
  uint64_t limit = now() + SENTINEL_PATIENCE * UINT64_C(1000000);
  while (!is_sentinel_seen()) {
    if (now() > limit) fail("sentinel", 0);
    usleep(100);
  }
}

void tell_ended(const struct command *command) {
  bool has_exited = WIFEXITED(command->status);
  const struct ended_record record = {
      .header = {.type = RECORD_ENDED},
      .code = has_exited ? WEXITSTATUS(command->status) : -1,
      .signal = has_exited ? 0 : WTERMSIG(command->status),
  };
  tell(&record, sizeof record, NULL, 0);
}

static void reap(struct command *command) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != command->pid || command->has_ended) continue;
    command->has_ended = true;
    command->status = status;
    tell_ended(command);
  }
}

/* The terminal signals its whole group, so the command has had it; what somebody sent to the tracer is meant for it. */
static void read_signals(struct command *command) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD || info.ssi_code > 0) continue;
    if (command->pid > 0) signal_command(command, (int)info.ssi_signo);
    else is_stopped = true;
  }
  reap(command);
}

static void read_control(struct command *command) {
  unsigned char words[64];
  ssize_t size = read(CONTROL, words, sizeof words);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) is_controlled = false;
  for (ssize_t index = 0; index < size; index++) {
    if (words[index] == STOP) is_stopped = command->pid == 0;
    else if (command->pid > 0 && words[index] < 65) signal_command(command, words[index]);
  }
}

/* The end of the command itself is told by a signal; an anchor, its end, and that of the last descendant by nothing. */
static int patience(const struct command *command) {
  if (!is_ring_empty) return 0;
  return command->pid > 0 && !command->has_ended ? HANDOVER : PAUSE;
}

static void wait_for_something(struct command *command) {
  struct pollfd polled[] = {
      {.fd = signals, .events = POLLIN},
      {.fd = is_controlled ? CONTROL : -1, .events = POLLIN},
      {.fd = is_full(&stream_queue) ? -1 : ring_descriptor(), .events = POLLIN},
      {.fd = has_blocks(&stream_queue) ? STREAM : -1, .events = POLLOUT},
  };
  poll(polled, sizeof polled / sizeof *polled, patience(command));
  if (polled[0].revents != 0) read_signals(command);
  if (polled[1].revents != 0) read_control(command);
  if (polled[2].revents != 0) forget_ring_wake();
}

static bool is_anchored;

/* Whether what started everything has ended. */
static bool has_origin_ended(const struct command *command) {
  if (command->pid > 0) return command->has_ended;
  return is_anchored && is_anchor_gone();
}

static void look_for_anchor(void) {
  struct anchored_record record = {.header = {.type = RECORD_ANCHORED}};
  if (is_anchored || !read_anchor(&record.pid, &record.cgroup)) return;
  is_anchored = true;
  tell(&record, sizeof record, NULL, 0);
}

static uint64_t drain_limit;

static bool is_over(const struct command *command, const struct request *request) {
  if (!is_controlled || is_stopped) return true;
  if (!has_origin_ended(command)) return false;
  if (drain_limit == 0) drain_limit = now() + request->drain * UINT64_C(1000000);
  return count_live() == 0 || now() >= drain_limit;
}

/* Waits until the reader takes more, or is gone. */
static void await_reader(void) {
  struct pollfd polled[] = {{.fd = STREAM, .events = POLLOUT}, {.fd = CONTROL, .events = POLLIN}};
  poll(polled, 2, -1);
  if (polled[1].revents != 0) read_control(&(struct command){0});
  send_blocks(&stream_queue);
}

static void send_rest(void) {
  send_blocks(&stream_queue);
  while (has_blocks(&stream_queue) && is_controlled) await_reader();
}

/* What still lies in the ring when no program writes there any more. */
static void take_rest(void) {
  while (!consume_ring() && is_controlled) {
    send_blocks(&stream_queue);
    if (is_full(&stream_queue)) await_reader();
  }
}

/* @return what the tracer exits with: the status of the command, as a shell has it. */
int watch(struct command *command, const struct request *request) {
  while (!is_over(command, request)) {
    wait_for_something(command);
    if (request->anchor != NULL) look_for_anchor();
    is_ring_empty = consume_ring() || is_full(&stream_queue);
    send_blocks(&stream_queue);
  }
  bool is_early = !is_controlled || is_stopped;
  bool was_live = count_live() > 0 || !has_origin_ended(command);
  if (!is_controlled && command->pid > 0) end_everything();
  uint64_t survivors = count_live();
  detach();
  take_rest();
  write_accounts(is_early && was_live ? FINISH_EARLY : 0, (uint32_t)survivors);
  send_rest();
  if (command->pid == 0) return 0;
  if (!command->has_ended) return 128 + SIGKILL;
  return WIFEXITED(command->status) ? WEXITSTATUS(command->status) : 128 + WTERMSIG(command->status);
}

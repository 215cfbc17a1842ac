/* Ends whatever has a tag. A second process does it where the tracer itself was killed. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

/* What cannot die by then hangs in the kernel, or is frozen. Milliseconds. */
enum { ENDING_LIMIT = 10000, ENDING_PAUSE = 5, DISMISSAL_LIMIT = 1000 };

/* 0, where there is none. Whoever reaps the guard makes its number another's, so it is spoken to by the descriptor. */
static pid_t guard;
static int guard_process = -1, guard_pipe[2];

/* By a descriptor, so that it is the process that was looked at, whatever its number is by now. */
static void end_if_tagged(pid_t pid) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return;
  if (is_tagged(pidfd)) syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  close(pidfd);
}

static void end_all_once(void) {
  DIR *processes = opendir("/proc");
  if (processes == NULL) return;
  for (const struct dirent *entry; (entry = readdir(processes)) != NULL;)
    if (isdigit((unsigned char)entry->d_name[0])) end_if_tagged((pid_t)strtol(entry->d_name, NULL, 10));
  closedir(processes);
}

/* Tags are inherited while this goes on: what is forked meanwhile is found in the next round. */
void end_everything(void) {
  uint64_t limit = now() + ENDING_LIMIT * UINT64_C(1000000);
  while (count_live() > 0 && now() < limit) {
    end_all_once();
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    poll(NULL, 0, ENDING_PAUSE);
  }
}

/* Every descriptor but these. */
static void close_others(const int *kept, size_t count) {
  for (unsigned int first = 0;;) {
    unsigned int next = UINT_MAX;
    for (size_t index = 0; index < count; index++)
      if ((unsigned int)kept[index] >= first && (unsigned int)kept[index] < next) next = (unsigned int)kept[index];
    if (next > first) syscall(SYS_close_range, first, next == UINT_MAX ? next : next - 1, 0);
    if (next == UINT_MAX) return;
    first = next + 1;
  }
}

/*
 * It has a session of its own, and holds nothing of the command's: what kills the tracer with its group leaves it. Of what is
 * in the kernel it keeps what finds the tagged and counts them, or what they fork while they are ended would be missed; the
 * programs that see calls go with the tracer.
 */
static noreturn void guard_tracer(void) {
  setsid();
  int kept[1 + ENDING_DESCRIPTORS] = {guard_pipe[0]};
  keep_for_ending(kept + 1);
  close_others(kept, sizeof kept / sizeof *kept);
  char word;
  ssize_t size;
  do size = read(guard_pipe[0], &word, 1);
  while (size < 0 && errno == EINTR);
  if (size == 0) end_everything();
  _exit(0);
}

void start_guard(void) {
  if (pipe2(guard_pipe, O_CLOEXEC) != 0) fail("process", errno);
  guard = fork();
  if (guard < 0) fail("process", errno);
  if (guard == 0) guard_tracer();
  close(guard_pipe[0]);
  guard_process = (int)syscall(SYS_pidfd_open, guard, 0);
  if (guard_process < 0) fail("process", errno);
}

pid_t guard_number(void) { return guard; }

/* By a kill, which one that is stopped takes, too. One that is frozen dies when it is thawed. */
void dismiss_guard(void) {
  if (guard_process < 0) return;
  syscall(SYS_pidfd_send_signal, guard_process, SIGKILL, NULL, 0);
  struct pollfd polled = {.fd = guard_process, .events = POLLIN};
  poll(&polled, 1, DISMISSAL_LIMIT);
  guard = 0;
}

/* Ends whatever has a tag. A second process does it where the tracer itself was killed. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

/* What cannot die by then hangs in the kernel. Milliseconds. */
enum { ENDING_LIMIT = 10000, ENDING_PAUSE = 5 };

static pid_t guard;
static int guard_pipe[2];

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

/* It has a session of its own, and holds nothing of the command's: what kills the tracer with its group leaves it. */
static noreturn void guard_tracer(void) {
  setsid();
  close(guard_pipe[1]);
  for (int descriptor = 0; descriptor < 3; descriptor++) close(descriptor);
  close(CONTROL);
  close(STREAM);
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
}

void dismiss_guard(void) {
  if (guard <= 0) return;
  ssize_t written = write(guard_pipe[1], "", 1);
  (void)written;
  waitpid(guard, NULL, 0);
}

/* The command: stopped until everything is attached, and proven to be. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

char sentinel[64];

/* What goes to the command before its exec, and what comes back if that fails: an errno. */
static int orders[2], failures[2];

static void name_sentinel(void) {
  unsigned char random[16];
  if (getrandom(random, sizeof random, 0) != sizeof random) fail("random", errno);
  int length = snprintf(sentinel, sizeof sentinel, "toolcrib-sentinel-");
  for (size_t index = 0; index < sizeof random; index++)
    length += snprintf(sentinel + length, sizeof sentinel - (size_t)length, "%02x", random[index]);
}

static noreturn void give_up(int error) {
  ssize_t written = write(failures[1], &error, sizeof error);
  (void)written;
  _exit(127);
}

static void await_order(void) {
  char order;
  if (read(orders[0], &order, 1) != 1) _exit(127);
}

/* In the new process. */
static noreturn void become_command(const struct request *request, pid_t tracer) {
  close(orders[1]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != tracer) _exit(127);
  if (request->has_own_session) setsid();
  /* A failure is told when the command is to start: until then the tracer talks to a process that waits. */
  int error = request->folder != NULL && chdir(request->folder) != 0 ? errno : 0;
  setrlimit(RLIMIT_MEMLOCK, &original_memory_limit);
  sigaction(SIGPIPE, &original_pipe_action, NULL);
  await_order();
  /* It touches no file: there is no such descriptor. */
  int none = openat(-1, sentinel, O_RDONLY | O_CLOEXEC);
  (void)none;
  await_order();
  if (error != 0) give_up(error);
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
  execvp(request->command[0], request->command);
  give_up(errno);
}

void start_command(struct command *command, const struct request *request) {
  name_sentinel();
  if (pipe2(orders, O_CLOEXEC) != 0 || pipe2(failures, O_CLOEXEC) != 0) fail("process", errno);
  pid_t tracer = getpid(), pid = fork();
  if (pid < 0) fail_command("process", errno);
  if (pid == 0) become_command(request, tracer);
  close(orders[0]);
  close(failures[1]);
  *command = (struct command){.pid = pid, .has_own_session = request->has_own_session};
}

static void give_order(void) {
  char order = 0;
  if (write(orders[1], &order, 1) != 1) fail("process", errno);
}

void make_sentinel_call(void) { give_order(); }

/* @return when the command runs; if it does not, the tracer says so and ends. */
void release(struct command *command) {
  give_order();
  close(orders[1]);
  int error = 0;
  ssize_t size;
  do size = read(failures[0], &error, sizeof error);
  while (size < 0 && errno == EINTR);
  close(failures[0]);
  if (size == 0) return;
  waitpid(command->pid, NULL, 0);
  fail_command("exec", error);
}

/* Until it is waited for, its number is no other's. That of its group may have others in it that still run. */
void signal_command(const struct command *command, int number) {
  if (command->has_own_session) kill(-command->pid, number);
  else if (!command->has_ended) kill(command->pid, number);
}

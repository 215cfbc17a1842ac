/*
 * Enters the mount namespace of a container, from the host and as its root, and looks at, places, reads back or takes
 * away a tree there. No link is followed and no program of the container is run; its environment is not read.
 *
 *   namespace-helper look PID PATH
 *   namespace-helper place PID PARENT NAME STAGING
 *   namespace-helper read PID PATH
 *   namespace-helper remove PID PARENT NAME STAGING
 *
 * It holds the process open, says so, and waits for the word that this is the container's: the number may have become
 * another's before, and not any more. Then it tells the way, and waits for the judgement. When its input ends, nobody
 * waits any more: it takes away what it began. Signals of a terminal are not for it.
 */
#include "helper.h"

enum { HANGUP = 1, INTERRUPT = 2, PIPE = 13, TERMINATE = 15 };
#define BIT(signal) (UINT64_C(1) << ((signal) - 1))

_Noreturn void run(int count, const char *const *arguments);

int descriptors;

static int parse_pid(const char *text) {
  int pid = 0;
  for (; *text >= '0' && *text <= '9' && pid < 100000000; text++) pid = pid * 10 + (*text - '0');
  if (*text != 0 || pid == 0) fail("usage", EINVAL);
  return pid;
}

/* @return the inode of a process's user namespace, which tells it from others. */
static uint64_t user_namespace(const char *pid) {
  char path[64] = "/proc/";
  const char *rest = "/ns/user";
  struct statx seen;
  size_t length = length_of(path);
  while (*pid != 0 && length < 40) path[length++] = *pid++;
  memcpy(path + length, rest, length_of(rest) + 1);
  require_done("process", kernel_statx(AT_FDCWD, path, 0, STATX_INO, &seen));
  return seen.stx_ino;
}

/* As root of the container: where its users are mapped, the program gives up all rights outside of that. */
static void join(int process, const char *pid) {
  bool is_mapped = user_namespace("self") != user_namespace(pid);
  require_done("join", call(__NR_setgroups, 0, 0, 0, 0, 0));
  require_done("join", kernel_setns(process, is_mapped ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS));
  if (!is_mapped) return;
  require_done("join", call(__NR_setresgid, 0, 0, 0, 0, 0));
  require_done("join", call(__NR_setresuid, 0, 0, 0, 0, 0));
}

static void verify_names(const char *name, const char *staging) {
  if (is_name(name, length_of(name)) && is_name(staging, length_of(staging)) && !is_same(name, staging)) return;
  fail("usage", EINVAL);
}

_Noreturn void run(int count, const char *const *arguments) {
  if (count != 4 && count != 6) fail("usage", EINVAL);
  const char *verb = arguments[1], *path = arguments[3];
  if (count == 6) verify_names(arguments[4], arguments[5]);
  kernel_block_signals(BIT(HANGUP) | BIT(INTERRUPT) | BIT(PIPE) | BIT(TERMINATE));
  kernel_alarm(PATIENCE);
  call(__NR_umask, 0, 0, 0, 0, 0);
  require_done("start", call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  require_done("start", call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
  descriptors = kernel_openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  require_done("start", descriptors);
  int process = kernel_pidfd_open(parse_pid(arguments[2]));
  require_done("process", process);
  send_record('o');
  await_go();
  join(process, arguments[2]);
  kernel_close(process);
  const char *missing;
  if (count == 4 && is_same(verb, "look")) walk(path, &missing);
  else if (count == 4 && is_same(verb, "read")) read_back(path);
  else if (count == 6 && is_same(verb, "place")) place(path, arguments[4], arguments[5]);
  else if (count == 6 && is_same(verb, "remove")) take_away(path, arguments[4], arguments[5]);
  else fail("usage", EINVAL);
  kernel_exit(0);
}

/*
 * Enters the mount namespace of a container, from the host and as its root, and looks at, places, reads back, mounts or
 * takes away a tree there. No link is followed and no program of the container is run; its environment is not read.
 *
 *   namespace-helper look PID USERS PATH
 *   namespace-helper place PID USERS PARENT NAME STAGING
 *   namespace-helper read PID USERS PATH
 *   namespace-helper mount PID USERS PARENT NAME BASE TREE EMPTY
 *   namespace-helper remove PID USERS PARENT NAME STAGING
 *
 * It holds the process's folder of /proc open, says so, and waits for the word that this process is the container's. The
 * number may become another's later, but not the folder: of a process that has ended it opens nothing. USERS is whose
 * users the engine gave the container: `same` as the host's, or `mapped`; a process that is in any other user namespace,
 * or in a mount namespace of any other, made that itself, and is not followed there. Then the program tells the way, and
 * waits for the judgement. When its input ends, nobody waits any more: it takes away what it began. Signals of a
 * terminal are not for it.
 */
#include "helper.h"

enum { HANGUP = 1, INTERRUPT = 2, PIPE = 13, TERMINATE = 15 };
#define BIT(signal) (UINT64_C(1) << ((signal) - 1))

_Noreturn void run(int count, const char *const *arguments);

int descriptors;

static bool is_number(const char *text) {
  size_t length = 0;
  while (text[length] >= '0' && text[length] <= '9') length++;
  return length > 0 && length < 10 && text[length] == 0;
}

/* @return the folder of a process in /proc. */
static int open_process(const char *pid) {
  char path[64] = "/proc/";
  size_t length = length_of(path);
  while (*pid != 0 && length < sizeof path - 1) path[length++] = *pid++;
  path[length] = 0;
  return kernel_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* @return a namespace of a process, held open: whatever the process enters later changes nothing any more. */
static int open_namespace(int process, const char *name) {
  int fd = kernel_openat(process, name, O_RDONLY | O_CLOEXEC);
  require_done("process", fd);
  return fd;
}

/* The inode tells a namespace from all others while it is held open. */
static bool is_same_namespace(int one, int other) {
  struct statx first, second;
  require_done("process", kernel_statx(one, "", AT_EMPTY_PATH, STATX_INO, &first));
  require_done("process", kernel_statx(other, "", AT_EMPTY_PATH, STATX_INO, &second));
  return first.stx_ino == second.stx_ino;
}

/* Whether the second namespace is what the kernel says to be the parent, or the owner, of the first. */
static bool is_related(int namespace, unsigned long question, int other) {
  int related = (int)kernel_ioctl(namespace, question, NULL);
  if (related < 0) return false;
  bool is_other = is_same_namespace(related, other);
  kernel_close(related);
  return is_other;
}

/* An engine makes a user namespace as the host's root, directly below the host's. */
static bool is_made_by_root_of(int users, int own) {
  uint32_t owner;
  if (kernel_ioctl(users, NS_GET_OWNER_UID, &owner) < 0) return false;
  return owner == 0 && is_related(users, NS_GET_PARENT, own);
}

/* As root of the container: where its users are mapped, the program gives up all rights outside of that. */
static void join(int process, bool is_mapped) {
  int self = open_process("self");
  require_done("join", self);
  int users = open_namespace(process, "ns/user"), mounts = open_namespace(process, "ns/mnt");
  int own = open_namespace(self, "ns/user");
  if (!(is_mapped ? is_made_by_root_of(users, own) : is_same_namespace(users, own))) fail("users", 0);
  if (!is_related(mounts, NS_GET_USERNS, users)) fail("mounts", 0);
  require_done("join", call(__NR_setgroups, 0, 0, 0, 0, 0));
  if (is_mapped) require_done("join", kernel_setns(users, CLONE_NEWUSER));
  require_done("join", kernel_setns(mounts, CLONE_NEWNS));
  if (is_mapped) {
    require_done("join", call(__NR_setresgid, 0, 0, 0, 0, 0));
    require_done("join", call(__NR_setresuid, 0, 0, 0, 0, 0));
  }
  if (!is_same_namespace(open_namespace(self, "ns/user"), users)) fail("users", 0);
  if (!is_same_namespace(open_namespace(self, "ns/mnt"), mounts)) fail("mounts", 0);
}

static void verify_names(const char *name, const char *staging) {
  if (is_name(name, length_of(name)) && is_name(staging, length_of(staging)) && !is_same(name, staging)) return;
  fail("usage", EINVAL);
}

/* A mount of the host is for who has the host's users. */
static void verify_mount(const char *name, bool is_mapped) {
  if (!is_name(name, length_of(name)) || is_mapped) fail("usage", EINVAL);
}

/* Every verb, and how many arguments it has. */
static int count_for(const char *verb) {
  if (is_same(verb, "look") || is_same(verb, "read")) return 5;
  if (is_same(verb, "place") || is_same(verb, "remove")) return 7;
  return is_same(verb, "mount") ? 9 : 0;
}

_Noreturn void run(int count, const char *const *arguments) {
  if (count < 5 || count != count_for(arguments[1])) fail("usage", EINVAL);
  const char *verb = arguments[1], *pid = arguments[2], *users = arguments[3], *path = arguments[4];
  bool is_mapped = is_same(users, "mapped");
  if (!is_number(pid) || (!is_mapped && !is_same(users, "same"))) fail("usage", EINVAL);
  if (is_same(verb, "mount")) verify_mount(arguments[5], is_mapped);
  if (is_same(verb, "place") || is_same(verb, "remove")) verify_names(arguments[5], arguments[6]);
  kernel_block_signals(BIT(HANGUP) | BIT(INTERRUPT) | BIT(PIPE) | BIT(TERMINATE));
  kernel_alarm(PATIENCE);
  call(__NR_umask, 0, 0, 0, 0, 0);
  require_done("start", call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  require_done("start", call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
  descriptors = kernel_openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  require_done("start", descriptors);
  int process = open_process(pid);
  require_done("process", process);
  send_record('o');
  await_go();
  if (is_same(verb, "mount")) open_source(arguments[6], arguments[7], arguments[8]);
  join(process, is_mapped);
  kernel_close(process);
  const char *missing;
  if (is_same(verb, "look")) walk(path, &missing);
  else if (is_same(verb, "read")) read_back(path);
  else if (is_same(verb, "place")) place(path, arguments[5], arguments[6]);
  else if (is_same(verb, "mount")) mount_source(path, arguments[5]);
  else take_away(path, arguments[5], arguments[6]);
  kernel_exit(0);
}

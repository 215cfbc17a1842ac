/* Calls that no ordinary program makes on demand: workload NAME [ARGUMENTS]. Its working directory is empty. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A text in a page that is not in memory: the page is that of a file, and was given back. */
static const char *absent(const char *text) {
  int file = open("absent-page", O_RDWR | O_CREAT, 0600);
  if (ftruncate(file, 4096) != 0 || pwrite(file, text, strlen(text) + 1, 0) < 0) exit(1);
  fsync(file);
  char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  madvise(page, 4096, MADV_DONTNEED);
  close(file);
  return page;
}

static int not_resident(void) {
  for (int index = 0; index < 20; index++) {
    char name[32];
    snprintf(name, sizeof name, "absent-%d", index);
    open(absent(name), O_RDONLY);
  }
  const char *program = absent("/bin/true");
  return execl(program, "true", (char *)NULL);
}

static int long_paths(void) {
  char path[5000] = "";
  for (int index = 0; index < 2047; index++) strcat(path, "./");
  open(strcat(path, "a"), O_RDONLY);
  memset(path, 'b', 4999);
  open(path, O_RDONLY);
  /* Deeper than one path may say. */
  char name[201] = "";
  memset(name, 'd', 200);
  for (int index = 0; index < 25; index++)
    if (mkdir(name, 0700) != 0 || chdir(name) != 0) return 1;
  open("leaf", O_RDONLY | O_CREAT, 0600);
  return 0;
}

/* A path in the file that it names, which the call makes shorter. */
static int cut_paths(void) {
  return truncate(absent("./absent-page"), 8);
}

/* As root: writes what stands there already into the table of calls of every tracer. */
static int change_tables(void) {
  union bpf_attr attributes;
#define BPF(command, ...) (attributes = (union bpf_attr){__VA_ARGS__}, syscall(SYS_bpf, command, &attributes, sizeof attributes))
  int changed = 0, found = 0;
  for (unsigned id = 0; BPF(BPF_MAP_GET_NEXT_ID, .start_id = id) == 0;) {
    id = attributes.next_id;
    int map = (int)BPF(BPF_MAP_GET_FD_BY_ID, .map_id = id);
    struct bpf_map_info info = {0};
    if (map < 0 || BPF(BPF_OBJ_GET_INFO_BY_FD, .info = {.bpf_fd = map, .info = (unsigned long)&info, .info_len = sizeof info}) != 0) continue;
    unsigned key = SYS_openat;
    unsigned short value;
    if (strcmp(info.name, "numbers") != 0 || info.value_size != sizeof value) continue;
    found++;
    BPF(BPF_MAP_LOOKUP_ELEM, .map_fd = map, .key = (unsigned long)&key, .value = (unsigned long)&value);
    if (BPF(BPF_MAP_UPDATE_ELEM, .map_fd = map, .key = (unsigned long)&key, .value = (unsigned long)&value) == 0) changed++;
  }
  return found == 0 ? 2 : changed > 0;
}

static int bad_pointers(void) {
  syscall(SYS_openat, AT_FDCWD, NULL, O_RDONLY);
  syscall(SYS_openat, AT_FDCWD, (void *)0xdead0000, O_RDONLY);
  syscall(SYS_connect, 99, (void *)0xdead0000, 16);
  return 0;
}

#if defined(__x86_64__)
static long compat(long number, long a, long b, long c, long d, long e) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static int compat_calls(void) {
  char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  long at = (long)low;
  strcpy(low, "compat-file");
  compat(5, at, O_WRONLY | O_CREAT, 0640, 0, 0);
  compat(295, AT_FDCWD, at, O_RDONLY, 0, 0);
  compat(10, at, 0, 0, 0, 0);
  struct sockaddr_in *peer = (void *)(low + 256);
  *peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int udp = socket(AF_INET, SOCK_DGRAM, 0);
  unsigned *arguments = (void *)(low + 512);
  arguments[0] = (unsigned)udp, arguments[1] = (unsigned)(at + 256), arguments[2] = sizeof *peer;
  compat(102, 3, at + 512, 0, 0, 0); /* socketcall: connect */
  unsigned *message = (void *)(low + 1024);
  message[0] = (unsigned)(at + 256), message[1] = sizeof *peer;
  compat(370, udp, at + 1024, 0, 0, 0); /* sendmsg */
  arguments[0] = AF_PACKET, arguments[1] = SOCK_RAW, arguments[2] = 0;
  compat(102, 1, at + 512, 0, 0, 0); /* socketcall: socket */
  arguments[0] = AF_NETLINK;
  compat(102, 1, at + 512, 0, 0, 0);
  compat(359, AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP, 0, 0); /* socket */
  compat(500, 0, 0, 0, 0, 0); /* there is none */
  return 0;
}
#else
static int compat_calls(void) { return 1; }
#endif

static int peers(void) {
  int four = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0), local = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 inet6 = {.sin6_family = AF_INET6, .sin6_port = htons(99), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_un file = {.sun_family = AF_UNIX, .sun_path = "./socket"};
  struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0hidden"};
  sendto(four, "a", 1, 0, (void *)&inet, sizeof inet);
  sendto(six, "a", 1, 0, (void *)&inet6, sizeof inet6);
  connect(local, (void *)&file, sizeof file);
  connect(local, (void *)&abstract, offsetof(struct sockaddr_un, sun_path) + 7);
  struct iovec text = {"a", 1};
  struct mmsghdr messages[3] = {0};
  struct sockaddr_in others[3];
  for (int index = 0; index < 3; index++) {
    others[index] = inet;
    others[index].sin_port = htons((unsigned short)(100 + index));
    messages[index].msg_hdr = (struct msghdr){.msg_name = &others[index], .msg_namelen = sizeof inet, .msg_iov = &text, .msg_iovlen = 1};
  }
  sendmmsg(four, messages, 3, 0);
  sendmsg(four, &messages[1].msg_hdr, 0);
  connect(four, (void *)&inet, sizeof inet);
  send(four, "a", 1, 0);
  connect(four, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof inet);
  return 0;
}

/* The peer stands where the call writes how much it has sent. */
static int overwritten_peer(void) {
  int udp = socket(AF_INET, SOCK_DGRAM, 0);
  struct mmsghdr messages[2] = {0};
  struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  char *name = (char *)&messages[0].msg_len - offsetof(struct sockaddr_in, sin_addr);
  messages[0].msg_hdr = (struct msghdr){.msg_name = name, .msg_namelen = sizeof inet, .msg_iov = &(struct iovec){"a", 1}, .msg_iovlen = 1};
  memcpy(name, &inet, 8);
  return sendmmsg(udp, messages, 1, 0) != 1;
}

static int accepting(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (void *)&address, size) != 0 || listen(server, 1) != 0) return 1;
  getsockname(server, (void *)&address, &size);
  if (connect(client, (void *)&address, size) != 0) return 1;
  struct sockaddr_in peer;
  size = sizeof peer;
  return accept(server, (void *)&peer, &size) < 0;
}

static int folders(void) {
  mkdir("folder", 0700);
  int folder = open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  close(openat(folder, "made", O_WRONLY | O_CREAT, 0644));
  openat(folder, "missing", O_RDONLY);
  fchmod(folder, 0755);
  symlink("target", "folder/link");
  open("folder/link/below", O_RDONLY);
  renameat(folder, "made", AT_FDCWD, "moved");
  unlink("moved");
  struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
  syscall(SYS_openat2, folder, "../moved", &how, sizeof how);
  int file = open("/bin/true", O_RDONLY | O_CLOEXEC);
  if (fork() == 0) {
    symlink("/bin/true", "folder/program");
    syscall(SYS_execveat, folder, "program", (char *[]){"true", NULL}, NULL, 0);
    _exit(1);
  }
  wait(NULL);
  syscall(SYS_execveat, file, "", (char *[]){"true", NULL}, NULL, AT_EMPTY_PATH);
  return 1;
}

static int blind_spots(void) {
  char space[128] = {0};
  syscall(SYS_io_uring_setup, 1, space);
  syscall(SYS_memfd_create, "hidden", 0);
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  unshare(CLONE_NEWUTS);
  setns(-1, CLONE_NEWNET);
  syscall(SYS_bpf, 99, NULL, 0);
  syscall(SYS_fanotify_init, ~0u, 0);
  syscall(SYS_acct, "no-account");
  syscall(SYS_swapon, "no-swap", ~0);
  syscall(SYS_request_key, "no-such-type", "key", NULL, 0);
  syscall(500);
  return 0;
}

/* Killed in a call that does not return. */
static int killed(void) {
  if (mkfifo("pipe", 0600) != 0) return 1;
  pid_t child = fork();
  if (child == 0) {
    open("pipe", O_RDONLY);
    _exit(1);
  }
  usleep(100000);
  kill(child, SIGKILL);
  wait(NULL);
  return 0;
}

static void *become_true(void *unused) {
  execl("/bin/true", "true", (char *)NULL);
  return unused;
}

static int thread_exec(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, become_true, NULL);
  pthread_join(thread, NULL);
  return 1;
}

static void *exit_alone(void *unused) {
  usleep(200000);
  syscall(SYS_exit, 5);
  return unused;
}

/* Both of its threads end alone: the second after the first, and what it ends with is what becomes of the process. */
static int last_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, exit_alone, NULL);
  syscall(SYS_exit, 0);
  return 1;
}

/* As that, but a child keeps the first thread, which began to end, until the other is gone. */
static int held_thread(void) {
  pid_t parent = getpid();
  int ready[2];
  if (pipe(ready) != 0) return 1;
  if (fork() == 0) {
    int status;
    if (ptrace(PTRACE_SEIZE, parent, 0, PTRACE_O_TRACEEXIT) != 0) kill(parent, SIGKILL);
    write(ready[1], "", 1);
    waitpid(parent, &status, __WALL);
    usleep(600000);
    ptrace(PTRACE_CONT, parent, 0, 0);
    _exit(0);
  }
  char byte;
  read(ready[0], &byte, 1);
  return last_thread();
}

/* Before anything else, so that whoever started it has hardly heard of that. */
static int kill_parent(void) {
  kill(getppid(), SIGKILL);
  write(1, "runs\n", 5);
  sleep(1000);
  return 0;
}

/* As fast as it goes. */
static int storm(int count) {
  for (int index = 0; index < count; index++) close(openat(AT_FDCWD, "/etc/hostname", O_RDONLY));
  return 0;
}

int main(int count, char **arguments) {
  static const struct {
    const char *name;
    int (*run)(void);
  } all[] = {{"not-resident", not_resident}, {"long-paths", long_paths},   {"bad-pointers", bad_pointers},
             {"compat", compat_calls},       {"peers", peers},             {"accepting", accepting},
             {"folders", folders},           {"blind-spots", blind_spots}, {"killed", killed},
             {"thread-exec", thread_exec}, {"kill-parent", kill_parent},
             {"last-thread", last_thread},   {"held-thread", held_thread},
             {"cut-paths", cut_paths},       {"change-tables", change_tables}, {"overwritten-peer", overwritten_peer}};
  if (count == 3 && strcmp(arguments[1], "storm") == 0) return storm(atoi(arguments[2]));
  for (size_t index = 0; index < sizeof all / sizeof *all; index++)
    if (count == 2 && strcmp(arguments[1], all[index].name) == 0) return all[index].run();
  return 2;
}

/*
 * What the program asks of the kernel, without a C library: nothing runs that is not written in this folder, and the
 * program is some kilobytes. Each call answers a value, or an error number below zero.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <asm/errno.h>
#include <asm/statfs.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Compilers call these by themselves. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *at, int value, size_t size);

/* As getdents64(2) has it. */
struct entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

#if defined(__x86_64__)
static inline long call(long number, long a, long b, long c, long d, long e) {
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long call(long number, long a, long b, long c, long d, long e) {
  register long which __asm__("x8") = number;
  register long first __asm__("x0") = a;
  register long second __asm__("x1") = b;
  register long third __asm__("x2") = c;
  register long fourth __asm__("x3") = d;
  register long fifth __asm__("x4") = e;
  __asm__ volatile("svc 0"
                   : "+r"(first)
                   : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                   : "memory");
  return first;
}
#else
#error "no system calls are known for this architecture"
#endif

static inline long kernel_read(int fd, void *bytes, size_t size) {
  return call(__NR_read, fd, (long)bytes, (long)size, 0, 0);
}

static inline long kernel_write(int fd, const void *bytes, size_t size) {
  return call(__NR_write, fd, (long)bytes, (long)size, 0, 0);
}

static inline void kernel_close(int fd) { call(__NR_close, fd, 0, 0, 0, 0); }

static inline _Noreturn void kernel_exit(int code) {
  for (;;) call(__NR_exit_group, code, 0, 0, 0, 0);
}

static inline int kernel_openat(int directory, const char *path, int flags) {
  return (int)call(__NR_openat, directory, (long)path, flags, 0, 0);
}

static inline int kernel_openat2(int directory, const char *path, const struct open_how *how) {
  return (int)call(__NR_openat2, directory, (long)path, (long)how, sizeof *how, 0);
}

static inline long kernel_statx(int fd, const char *path, int flags, unsigned mask, struct statx *seen) {
  return call(__NR_statx, fd, (long)path, flags, mask, (long)seen);
}

static inline long kernel_fstatfs(int fd, struct statfs *seen) {
  return call(__NR_fstatfs, fd, (long)seen, 0, 0, 0);
}

static inline long kernel_mkdirat(int directory, const char *name, unsigned mode) {
  return call(__NR_mkdirat, directory, (long)name, mode, 0, 0);
}

static inline long kernel_unlinkat(int directory, const char *name, int flags) {
  return call(__NR_unlinkat, directory, (long)name, flags, 0, 0);
}

static inline long kernel_symlinkat(const char *target, int directory, const char *name) {
  return call(__NR_symlinkat, (long)target, directory, (long)name, 0, 0);
}

static inline long kernel_readlinkat(int directory, const char *path, char *target, size_t size) {
  return call(__NR_readlinkat, directory, (long)path, (long)target, (long)size, 0);
}

/* Never over something that is there. */
static inline long kernel_rename(int directory, const char *from, const char *to) {
  return call(__NR_renameat2, directory, (long)from, directory, (long)to, RENAME_NOREPLACE);
}

/* To root of the user namespace that the program is in. */
static inline long kernel_give_to_root(int fd, const char *name) {
  return call(__NR_fchownat, fd, (long)name, 0, 0, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static inline long kernel_fchmod(int fd, unsigned mode) { return call(__NR_fchmod, fd, mode, 0, 0, 0); }

static inline long kernel_fsync(int fd) { return call(__NR_fsync, fd, 0, 0, 0, 0); }

static inline long kernel_getdents(int fd, void *entries, size_t size) {
  return call(__NR_getdents64, fd, (long)entries, (long)size, 0, 0);
}

static inline long kernel_ioctl(int fd, unsigned long request, void *argument) {
  return call(__NR_ioctl, fd, (long)request, (long)argument, 0, 0);
}

static inline int kernel_open_file_system(const char *type) {
  return (int)call(__NR_fsopen, (long)type, FSOPEN_CLOEXEC, 0, 0, 0);
}

static inline long kernel_configure(int context, unsigned command, const char *key, const char *value) {
  return call(__NR_fsconfig, context, command, (long)key, (long)value, 0);
}

/* In no namespace yet. */
static inline int kernel_mount(int context, unsigned attributes) {
  return (int)call(__NR_fsmount, context, FSMOUNT_CLOEXEC, attributes, 0, 0);
}

/* Onto the directory that is open, whatever its path is by now. */
static inline long kernel_attach_mount(int mount, int directory) {
  const int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  return call(__NR_move_mount, mount, (long)"", directory, (long)"", flags);
}

static inline long kernel_fchdir(int directory) { return call(__NR_fchdir, directory, 0, 0, 0, 0); }

/* The mount that the working directory is the root of; who uses it goes on with it. */
static inline long kernel_detach_mount_here(void) {
  enum { DETACH = 2, NO_FOLLOW = 8 };
  return call(__NR_umount2, (long)".", DETACH | NO_FOLLOW, 0, 0, 0);
}

static inline long kernel_setns(int fd, int namespaces) { return call(__NR_setns, fd, namespaces, 0, 0, 0); }

/* An array, as setitimer(2) has it: interval and value, each in seconds and microseconds. */
static inline void kernel_alarm(long seconds) {
  const long timer[4] = {0, 0, seconds, 0};
  call(__NR_setitimer, 0, (long)timer, 0, 0, 0);
}

/* Numbers of signals, as bits. */
static inline void kernel_block_signals(uint64_t mask) {
  call(__NR_rt_sigprocmask, 0, (long)&mask, 0, sizeof mask, 0);
}

#endif

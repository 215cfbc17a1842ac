/*
 * The system calls that are decoded: one row each. What is no row here is not told.
 *
 *   CALL(name, kind, path, base, second path, its base, peer, special, x86_64, i386, arm64, arm)
 *
 * Paths and peers are given by the number of their argument, from 1; 0 is none. The length of a peer stands in the
 * argument behind it. A base is the argument with the descriptor that the path is relative to, CWD, or TEXT for what is
 * not resolved: no path, or one that means another file when the call has ended; a base without a path is a descriptor that the call works on. The four numbers are those of the
 * tables of system calls; -1 is none there. They are the kernel's for ever, and compared with its headers by a test.
 * `fork`, `exit` and `undecoded` are no calls, but told and counted like them.
 */
#ifndef CALLS_H
#define CALLS_H

#define CWD 7
#define TEXT 8

/* No call has a higher number, in any of the tables: what has one is newer than this table. */
#define LAST_CALL 469
#define CALL_NUMBERS 512

#define CALLS \
  CALL(open, OPEN, 1, CWD, 0, 0, 0, PLAIN, 2, 5, -1, 5)                          \
  CALL(openat, OPEN, 2, 1, 0, 0, 0, PLAIN, 257, 295, 56, 322)                    \
  CALL(openat2, OPEN, 2, 1, 0, 0, 0, OPEN_HOW, 437, 437, 437, 437)               \
  CALL(creat, OPEN, 1, CWD, 0, 0, 0, PLAIN, 85, 8, -1, 8)                        \
  CALL(connect, CONNECT, 0, 0, 0, 0, 2, PLAIN, 42, 362, 203, 283)                \
  CALL(send, SEND, 0, 0, 0, 0, 0, PLAIN, -1, -1, -1, 289)                        \
  CALL(sendto, SEND, 0, 0, 0, 0, 5, PLAIN, 44, 369, 206, 290)                    \
  CALL(sendmsg, SEND, 0, 0, 0, 0, 0, MESSAGE, 46, 370, 211, 296)                 \
  CALL(sendmmsg, SEND, 0, 0, 0, 0, 0, MESSAGES, 307, 345, 269, 374)              \
  CALL(socketcall, SOCKETCALL, 0, 0, 0, 0, 0, PLAIN, -1, 102, -1, -1)            \
  CALL(execve, EXEC, 1, CWD, 0, 0, 0, PLAIN, 59, 11, 221, 11)                    \
  CALL(execveat, EXEC, 2, 1, 0, 0, 0, PLAIN, 322, 358, 281, 387)                 \
  CALL(bind, EFFECT, 0, 0, 0, 0, 2, PLAIN, 49, 361, 200, 282)                    \
  CALL(accept, EFFECT, 0, 0, 0, 0, 0, ACCEPTED, 43, -1, 202, 285)                \
  CALL(accept4, EFFECT, 0, 0, 0, 0, 0, ACCEPTED, 288, 364, 242, 366)             \
  CALL(unlink, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 87, 10, -1, 10)                   \
  CALL(unlinkat, EFFECT, 2, 1, 0, 0, 0, PLAIN, 263, 301, 35, 328)                \
  CALL(rmdir, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 84, 40, -1, 40)                    \
  CALL(rename, EFFECT, 1, CWD, 2, CWD, 0, PLAIN, 82, 38, -1, 38)                 \
  CALL(renameat, EFFECT, 2, 1, 4, 3, 0, PLAIN, 264, 302, 38, 329)                \
  CALL(renameat2, EFFECT, 2, 1, 4, 3, 0, PLAIN, 316, 353, 276, 382)              \
  CALL(mkdir, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 83, 39, -1, 39)                    \
  CALL(mkdirat, EFFECT, 2, 1, 0, 0, 0, PLAIN, 258, 296, 34, 323)                 \
  CALL(mknod, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 133, 14, -1, 14)                   \
  CALL(mknodat, EFFECT, 2, 1, 0, 0, 0, PLAIN, 259, 297, 33, 324)                 \
  CALL(link, EFFECT, 1, CWD, 2, CWD, 0, PLAIN, 86, 9, -1, 9)                     \
  CALL(linkat, EFFECT, 2, 1, 4, 3, 0, PLAIN, 265, 303, 37, 330)                  \
  CALL(symlink, EFFECT, 1, TEXT, 2, CWD, 0, PLAIN, 88, 83, -1, 83)               \
  CALL(symlinkat, EFFECT, 1, TEXT, 3, 2, 0, PLAIN, 266, 304, 36, 331)            \
  CALL(chmod, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 90, 15, -1, 15)                    \
  CALL(fchmod, EFFECT, 0, 1, 0, 0, 0, PLAIN, 91, 94, 52, 94)                     \
  CALL(fchmodat, EFFECT, 2, 1, 0, 0, 0, PLAIN, 268, 306, 53, 333)                \
  CALL(fchmodat2, EFFECT, 2, 1, 0, 0, 0, PLAIN, 452, 452, 452, 452)              \
  CALL(chown, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 92, 182, -1, 182)                  \
  CALL(chown32, EFFECT, 1, CWD, 0, 0, 0, PLAIN, -1, 212, -1, 212)                \
  CALL(lchown, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 94, 16, -1, 16)                   \
  CALL(lchown32, EFFECT, 1, CWD, 0, 0, 0, PLAIN, -1, 198, -1, 198)               \
  CALL(fchown, EFFECT, 0, 1, 0, 0, 0, PLAIN, 93, 95, 55, 95)                     \
  CALL(fchown32, EFFECT, 0, 1, 0, 0, 0, PLAIN, -1, 207, -1, 207)                 \
  CALL(fchownat, EFFECT, 2, 1, 0, 0, 0, PLAIN, 260, 298, 54, 325)                \
  CALL(truncate, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 76, 92, 45, 92)                 \
  CALL(truncate64, EFFECT, 1, CWD, 0, 0, 0, PLAIN, -1, 193, -1, 193)             \
  CALL(ftruncate, EFFECT, 0, 1, 0, 0, 0, PLAIN, 77, 93, 46, 93)                  \
  CALL(ftruncate64, EFFECT, 0, 1, 0, 0, 0, PLAIN, -1, 194, -1, 194)              \
  CALL(mount, EFFECT, 1, TEXT, 2, CWD, 0, PLAIN, 165, 21, 40, 21)                \
  CALL(umount, EFFECT, 1, CWD, 0, 0, 0, PLAIN, -1, 22, -1, -1)                   \
  CALL(umount2, EFFECT, 1, CWD, 0, 0, 0, PLAIN, 166, 52, 39, 52)                 \
  CALL(move_mount, EFFECT, 2, 1, 4, 3, 0, PLAIN, 429, 429, 429, 429)             \
  CALL(open_tree, EFFECT, 2, 1, 0, 0, 0, PLAIN, 428, 428, 428, 428)              \
  CALL(open_tree_attr, EFFECT, 2, 1, 0, 0, 0, PLAIN, 467, 467, 467, 467)         \
  CALL(mount_setattr, EFFECT, 2, 1, 0, 0, 0, PLAIN, 442, 442, 442, 442)          \
  CALL(pivot_root, EFFECT, 1, TEXT, 2, TEXT, 0, PLAIN, 155, 217, 41, 218)          \
  CALL(chroot, EFFECT, 1, TEXT, 0, 0, 0, PLAIN, 161, 61, 51, 61)                  \
  CALL(io_uring_setup, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 425, 425, 425, 425)     \
  CALL(memfd_create, BLIND_SPOT, 1, TEXT, 0, 0, 0, PLAIN, 319, 356, 279, 385)    \
  CALL(open_by_handle_at, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 304, 342, 265, 371)  \
  CALL(uselib, BLIND_SPOT, 1, CWD, 0, 0, 0, PLAIN, 134, 86, -1, 86)              \
  CALL(ptrace, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 101, 26, 117, 26)               \
  CALL(process_vm_readv, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 310, 347, 270, 376)   \
  CALL(process_vm_writev, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 311, 348, 271, 377)  \
  CALL(pidfd_getfd, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 438, 438, 438, 438)        \
  CALL(bpf, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 321, 357, 280, 386)                \
  CALL(unshare, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 272, 310, 97, 337)             \
  CALL(setns, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 308, 346, 268, 375)              \
  CALL(init_module, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 175, 128, 105, 128)        \
  CALL(finit_module, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 313, 350, 273, 379)       \
  CALL(fanotify_init, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 300, 338, 262, 367)      \
  CALL(acct, BLIND_SPOT, 1, CWD, 0, 0, 0, PLAIN, 163, 51, 89, 51)                \
  CALL(swapon, BLIND_SPOT, 1, CWD, 0, 0, 0, PLAIN, 167, 87, 224, 87)             \
  CALL(socket, BLIND_SPOT, 0, 0, 0, 0, 0, RAW_SOCKET, 41, 359, 198, 281)         \
  CALL(request_key, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, 249, 287, 218, 310)        \
  CALL(fork, PROCESS, 0, 0, 0, 0, 0, PLAIN, -1, -1, -1, -1)                      \
  CALL(exit, PROCESS, 0, 0, 0, 0, 0, PLAIN, -1, -1, -1, -1)                      \
  CALL(undecoded, BLIND_SPOT, 0, 0, 0, 0, 0, PLAIN, -1, -1, -1, -1)

enum call {
  NO_CALL,
#define CALL(name, ...) CALL_##name,
  CALLS
#undef CALL
  CALL_COUNT
};

/* Numbers of socketcall(2), the one system call that i386 had for sockets. */
#define SOCKET_CALLS \
  SOCKET_CALL(1, socket) SOCKET_CALL(2, bind) SOCKET_CALL(3, connect) SOCKET_CALL(5, accept) SOCKET_CALL(9, send) SOCKET_CALL(11, sendto) \
  SOCKET_CALL(16, sendmsg) SOCKET_CALL(18, accept4) SOCKET_CALL(20, sendmmsg)
#define SOCKET_CALL_NUMBERS 32

#endif

/* What the programs in the kernel and the loader share. */
#ifndef SHARED_H
#define SHARED_H

#include "calls.h"
#include "stream.h"

/* A path of a system call has at most so many bytes, with its NUL. */
#define PATH_BYTES 4096
/* What is kept of a path between the beginning and the end of its call: two of them and what surrounds them fit a page. */
#define KEPT_BYTES 1900
#define PEER_BYTES 128
#define NONCE_BYTES 64

enum phase {
  PHASE_RUN = 1,
  /* The command before its exec: only its sentinel, and the exec that succeeds, are told. */
  PHASE_LAUNCH = 2,
  /* The tracer itself, once: it learns how deep its pid namespace lies. */
  PHASE_SELF = 3,
};

/* What a task gets at its beginning, and every task that it forks. */
struct tag {
  __u32 phase;
  __u16 call; /* that it is in; 0 when none */
  __u16 flags;
  __u16 kept[2]; /* bytes of the texts that were kept, with a NUL; 0 when none */
  __u32 pad;
  __u64 arguments[8]; /* six; a power of two spares a comparison */
};

/* How a call is read: a row of CALLS. */
struct shape {
  __u8 kind;
  __u8 path[2];
  __u8 base[2];
  __u8 peer;
  __u8 special;
  __u8 pad;
};

enum special { PLAIN, OPEN_HOW, MESSAGE, MESSAGES, ACCEPTED, RAW_SOCKET };

struct counts {
  __u64 emitted;
  __u64 dropped;
  __u64 unreadable;
  __u64 missed;
};

#endif

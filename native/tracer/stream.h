/*
 * What the tracer writes, version 3. packages/toolcrib/src/run/observe/tracer/ reads it. Little-endian, as both of its
 * machines are.
 *
 * It has two descriptors. On the control descriptor (a socket, or whatever is read and written) it tells how the work
 * goes: STARTED, RUNNING, ENDED; ATTACHED, ANCHORED; FAILED. STARTED is told before the command is released, RUNNING when
 * its exec has worked: a tracer that ends without STARTED has run nothing. Behind STARTED, FAILED of the command tells that
 * the exec did not work; where neither that nor RUNNING comes, nobody knows whether the command ran.
 *
 * On the stream descriptor it writes calls as they end, and FINISHED as the last record. Both carry blocks: a block header,
 * then `size` bytes of whole records. Blocks count from 0 on each descriptor. Whoever finds a block whose number or sum is
 * wrong has to stop there, and may use nothing of it.
 *
 * What the tracer reads from the control descriptor: bytes, each the number of a signal for the command (or its group,
 * when it has its own); with an anchor, STOP, which ends the observation. When it is closed, nobody controls the run any
 * more: the tracer ends the command with all that descends from it (with an anchor: only the observation). Where nobody
 * reads the stream any more, the command goes on.
 */
#ifndef STREAM_H
#define STREAM_H

#define STREAM_VERSION 3
#define BLOCK_MAGIC 0x31435254u /* "TRC1" */
#define BLOCK_LIMIT (1u << 20)
#define STOP 255

struct block_header {
  __u32 magic;
  __u32 size;
  __u32 number;
  __u32 sum; /* CRC-32, as of zlib, of the records */
};

enum record_type {
  RECORD_CALL = 1,
  RECORD_STARTED = 2,
  RECORD_ATTACHED = 3,
  RECORD_ANCHORED = 4,
  RECORD_ENDED = 5,
  RECORD_FAILED = 6,
  RECORD_FINISHED = 7,
  RECORD_RUNNING = 8,
};

/* Every record begins like this; `size` counts all of it. */
struct record_header {
  __u32 size;
  __u8 type;
  __u8 pad[3];
};

enum section { GIVEN_0, BASE_0, GIVEN_1, BASE_1, EXTRA, SECTION_COUNT };

enum call_flags {
  FLAG_NO_RESULT = 1,       /* the task was killed in it */
  FLAG_COMPAT = 2,          /* a 32-bit call */
  FLAG_UNREADABLE_0 = 4,    /* a path was given, and could not be read */
  FLAG_UNREADABLE_1 = 8,    /* of the second path */
  FLAG_UNREADABLE_PEER = 16,
  FLAG_CUT_0 = 32,          /* longer than 4,095 bytes: the beginning is here */
  FLAG_CUT_1 = 64,
  FLAG_ABSOLUTE_0 = 128,    /* the base was followed to the root of the task's mount namespace; the root has no names */
  FLAG_ABSOLUTE_1 = 256,
  FLAG_RETURNED = 512,      /* the base of the first path is no base, but the file itself that the call returned */
  FLAG_GIVEN_0 = 1024,      /* the call has a first path, whatever could be read of it */
  FLAG_GIVEN_1 = 2048,
  FLAG_DESCRIPTOR = 4096,   /* it works on a descriptor instead of a path: its way is the first base */
  FLAG_LATE_0 = 8192,       /* the path could not be kept when the call began, and was read when it ended */
  FLAG_LATE_1 = 16384,
};

/*
 * A call that ended; then its sections, without gaps: a path as given, without its NUL; the names of the folder that it
 * is relative to, from the leaf up, each with a NUL behind; the same of a second path; then the peer as it is in memory
 * (struct sockaddr), or of openat2 its struct open_how.
 */
struct call_record {
  struct record_header header;
  __u16 call; /* of the table in STARTED */
  __u16 flags;
  __u16 length[SECTION_COUNT]; /* of the sections, in bytes */
  __u16 pad;
  __u32 pid;
  __u32 tid;
  __u64 cgroup;
  __u64 time; /* CLOCK_MONOTONIC, at the end of the call */
  __s64 result;
  __u64 arguments[6]; /* of fork: thread group and id of the new task; of exit: the code as of wait(2), and 1 where it is that
                       of the process, decided, else 0: that of the task alone; of undecoded: the number */
};

/* Of STARTED and ATTACHED: a row for each call that can come, counting from 1, as `kind`, length and letters of its name. */
struct started_record {
  struct record_header header;
  __u32 version;
  __u32 pid;           /* of the command; 0 in ATTACHED */
  __u64 attach_time;   /* nanoseconds from the start of the tracer until the command is released */
  __u32 call_count;
  __u32 guard;         /* the process that ends what was started when the tracer is killed; 0 where there is none */
};

enum call_kind { NO_KIND, OPEN, CONNECT, SEND, EXEC, EFFECT, PROCESS, BLIND_SPOT, SOCKETCALL };

/* The command is what it is called now. */
struct running_record {
  struct record_header header;
};

struct anchored_record {
  struct record_header header;
  __u32 pid;
  __u32 pad;
  __u64 cgroup;
};

struct ended_record {
  struct record_header header;
  __s32 code; /* -1 when a signal ended it */
  __s32 signal;
};

/* Why nothing runs: the command could not be started (an errno), or it cannot be observed (what, and an errno or 0). */
enum failure { FAILURE_COMMAND = 1, FAILURE_OBSERVER = 2 };

struct failed_record {
  struct record_header header;
  __u32 failure;
  __u32 error;
  /* letters: what was tried */
};

enum finish_flags {
  FINISH_EARLY = 1, /* the controller went away, or said STOP, before everything was over */
};

struct finished_record {
  struct record_header header;
  __u32 flags;
  __u32 survivors;     /* tasks */
  __u32 account_count;
  __u32 pad;
  /* struct account, each with its name behind */
};

struct account {
  __u64 emitted;
  __u64 dropped;
  __u64 unreadable;
  __u64 missed;
  __u32 name_size;
  __u32 pad;
};

#endif

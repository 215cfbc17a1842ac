/* What the parts of the loader share. */
#ifndef TRACER_H
#define TRACER_H

#include <linux/types.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "shared.h"

enum { CONTROL = 3, STREAM = 4 };

/* What the command line asks for. */
struct request {
  const char *anchor; /* NULL when a command is started */
  const char *folder; /* where the command starts; NULL: here */
  char **command;
  uint64_t drain; /* milliseconds after the end of the command, or of the anchor */
  uint32_t buffer; /* bytes */
  bool has_own_session;
  bool is_probe;
};

/* main.c */
extern int signals; /* a descriptor */
extern sigset_t original_mask;
extern struct sigaction original_pipe_action;
extern struct rlimit original_memory_limit;
uint64_t now(void); /* nanoseconds of the monotonic clock */
noreturn void fail(const char *what, int error);
noreturn void fail_command(const char *what, int error);

/* observe.c: the programs in the kernel */
void load(const struct request *request);
void learn_depth(void);
void tag_command(pid_t pid);
enum { ENDING_DESCRIPTORS = 3 };
void keep_for_ending(int kept[ENDING_DESCRIPTORS]);
bool is_tagged(int pidfd);
uint64_t count_live(void);
int ring_descriptor(void);
void forget_ring_wake(void);
bool consume_ring(void);
bool is_sentinel_seen(void);
bool read_anchor(__u32 *pid, __u64 *cgroup);
bool is_anchor_gone(void);
void detach(void);
void write_accounts(uint32_t flags, uint32_t survivors);
void tell_ready(uint8_t type, pid_t pid, uint64_t attach_time);

/* types.c */
int extract_types(void);

/* blocks.c: what goes out */
struct block_queue;
extern struct block_queue stream_queue;
void begin_record(struct block_queue *queue, uint32_t size);
void add(struct block_queue *queue, const void *bytes, uint32_t size);
void flush_block(struct block_queue *queue);
bool is_full(const struct block_queue *queue);
bool has_blocks(const struct block_queue *queue);
void send_blocks(struct block_queue *queue);
void tell(const void *record, uint32_t size, const void *more, uint32_t more_size);
bool is_told(void);

/* command.c */
struct command {
  pid_t pid;
  bool has_own_session;
  bool has_ended;
  int status; /* as of wait(2) */
};
extern char sentinel[64];
void start_command(struct command *command, const struct request *request);
void make_sentinel_call(void);
void release(struct command *command);
void signal_command(const struct command *command, int number);

/* ending.c */
void end_everything(void);
void start_guard(void);
pid_t guard_number(void);
void dismiss_guard(void);

/* watch.c */
int watch(struct command *command, const struct request *request);
void await_sentinel(void);
void tell_ended(const struct command *command);

#endif

/* Loads the programs into the kernel, attaches them, and reads what they hand over. Nothing of them outlives the tracer. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer.h"
#include "tracer.skel.h"

static struct tracer_bpf *programs;
static struct ring_buffer *ring;
static bool is_launching, sentinel_seen;

/* Bytes that are taken from the ring before anything else gets its turn: who writes fast would keep the tracer for ever. */
enum { ROUND = 1 << 20 };
static size_t taken;

/* The programs wake the tracer so many times until the ring is full. */
enum { WAKES = 8 };

static const char *const call_names[CALL_COUNT] = {
#define CALL(name, ...) [CALL_##name] = #name,
    CALLS
#undef CALL
};

static const struct shape call_shapes[CALL_COUNT] = {
#define CALL(name, kind_, path_, base_, path_2, base_2, peer_, special_, ...) \
  [CALL_##name] = {.kind = kind_, .path = {path_, path_2}, .base = {base_, base_2}, .peer = peer_, .special = special_},
    CALLS
#undef CALL
};

/* The numbers of the calls: native, then 32-bit. */
struct call_number {
  int native, compat;
};

static const struct call_number call_numbers[CALL_COUNT] = {
#if defined(__x86_64__)
#define CALL(name, kind, path, base, path_2, base_2, peer, special, x64, i386, arm64, arm) [CALL_##name] = {x64, i386},
#else
#define CALL(name, kind, path, base, path_2, base_2, peer, special, x64, i386, arm64, arm) [CALL_##name] = {arm64, arm},
#endif
    CALLS
#undef CALL
};

/* Silent: what it would say on stderr would be the command's. */
static int ignore_message(enum libbpf_print_level level, const char *format, va_list arguments) {
  (void)level, (void)format, (void)arguments;
  return 0;
}

static void set(const struct bpf_map *map, uint32_t key, const void *value, size_t size) {
  if (bpf_map__update_elem(map, &key, sizeof key, value, size, BPF_ANY) != 0) fail("load", errno);
}

static void freeze(const struct bpf_map *map) {
  if (bpf_map_freeze(bpf_map__fd(map)) != 0) fail("load", errno);
}

static void fill_tables(void) {
  for (uint16_t call = 1; call < CALL_COUNT; call++) {
    set(programs->maps.shapes, call, &call_shapes[call], sizeof call_shapes[call]);
    int native = call_numbers[call].native, compat = call_numbers[call].compat;
    if (native >= 0) set(programs->maps.numbers, (uint32_t)native, &call, sizeof call);
    if (compat >= 0) set(programs->maps.numbers, (uint32_t)compat + CALL_NUMBERS, &call, sizeof call);
  }
#if defined(__x86_64__)
  static const uint16_t socket_calls[SOCKET_CALL_NUMBERS] = {
#define SOCKET_CALL(number, name) [number] = CALL_##name,
      SOCKET_CALLS
#undef SOCKET_CALL
  };
  for (uint32_t number = 0; number < SOCKET_CALL_NUMBERS; number++)
    set(programs->maps.socket_numbers, number, &socket_calls[number], sizeof socket_calls[number]);
  freeze(programs->maps.socket_numbers);
#endif
  freeze(programs->maps.shapes);
  freeze(programs->maps.numbers);
}

static bool is_sentinel(const struct call_record *record) {
  const char *given = (const char *)(record + 1);
  size_t length = strlen(sentinel);
  return record->length[GIVEN_0] == length && memcmp(given, sentinel, length) == 0 && record->result == -EBADF;
}

/* @return negative to stop: the rest stays in the ring. */
static int take(void *context, void *data, size_t size) {
  (void)context;
  if (is_launching) {
    sentinel_seen = sentinel_seen || is_sentinel(data);
    return 0;
  }
  begin_record(&stream_queue, (uint32_t)size);
  add(&stream_queue, data, (uint32_t)size);
  taken += size;
  return is_full(&stream_queue) || taken > ROUND ? -EAGAIN : 0;
}

/* Readable when the programs wake, not whenever something lies there: else the tracer would take calls one by one. */
static void open_ring(void) {
  int map = bpf_map__fd(programs->maps.events);
  ring = ring_buffer__new(map, take, NULL, NULL);
  if (ring == NULL) fail("buffer", errno);
  struct epoll_event woken = {.events = EPOLLIN | EPOLLET};
  if (epoll_ctl(ring_descriptor(), EPOLL_CTL_MOD, map, &woken) != 0) fail("buffer", errno);
}

/* A file, or -1. */
static int types;

/* Where there is no /proc, libbpf takes the types from where the kernel has them. */
static void open_programs(void) {
  char path[32];
  types = extract_types();
  snprintf(path, sizeof path, "/proc/self/fd/%d", types);
  LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = access(path, R_OK) == 0 ? path : NULL);
  programs = tracer_bpf__open_opts(&options);
  if (programs == NULL) fail("load", errno);
}

static void load_programs(void) {
  if (tracer_bpf__load(programs) != 0) fail("load", errno);
  if (types >= 0) close(types);
}

void load(const struct request *request) {
  libbpf_set_print(ignore_message);
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) fail("btf", errno);
  open_programs();
  if (bpf_map__set_max_entries(programs->maps.events, request->buffer) != 0) fail("buffer", errno);
  programs->rodata->wake_bytes = bpf_map__max_entries(programs->maps.events) / WAKES;
  if (request->anchor != NULL) {
    programs->rodata->has_anchor = true;
    memcpy((void *)programs->rodata->nonce, request->anchor, NONCE_BYTES);
  }
  load_programs();
  fill_tables();
  open_ring();
  if (tracer_bpf__attach(programs) != 0) fail("attach", errno);
}

static int open_process(pid_t pid) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) fail("process", errno);
  return pidfd;
}

/* The tracer's own next call tells the programs how deep its pid namespace lies. */
void learn_depth(void) {
  int self = open_process(getpid()), tags = bpf_map__fd(programs->maps.tags);
  const struct tag tag = {.phase = PHASE_SELF};
  if (bpf_map_update_elem(tags, &self, &tag, BPF_ANY) != 0) fail("tag", errno);
  syscall(SYS_getpid);
  if (bpf_map_delete_elem(tags, &self) != 0) fail("tag", errno);
  close(self);
}

static int tags_descriptor(void) { return bpf_map__fd(programs->maps.tags); }

void tag_command(pid_t pid) {
  const struct tag tag = {.phase = PHASE_LAUNCH};
  int pidfd = open_process(pid);
  programs->bss->live = 1;
  is_launching = true;
  if (bpf_map_update_elem(tags_descriptor(), &pidfd, &tag, BPF_NOEXIST) != 0) fail("tag", errno);
  close(pidfd);
}

/* What a process needs that ends the tagged: see end_everything. Memory keeps a map as a descriptor does: the rest is let go. */
void keep_for_ending(int kept[ENDING_DESCRIPTORS]) {
  size_t size;
  ring_buffer__free(ring);
  if (bpf_map__initial_value(programs->maps.rodata, &size) != NULL) munmap((void *)programs->rodata, size);
  kept[0] = tags_descriptor();
  kept[1] = bpf_link__fd(programs->links.on_fork);
  kept[2] = bpf_link__fd(programs->links.on_exit);
}

bool is_tagged(int pidfd) {
  struct tag tag;
  return bpf_map_lookup_elem(tags_descriptor(), &pidfd, &tag) == 0 && tag.phase != 0;
}

uint64_t count_live(void) { return __atomic_load_n(&programs->bss->live, __ATOMIC_ACQUIRE); }

int ring_descriptor(void) { return ring_buffer__epoll_fd(ring); }

void forget_ring_wake(void) {
  struct epoll_event woken;
  epoll_wait(ring_descriptor(), &woken, 1, 0);
}

/* @return whether it is empty. */
bool consume_ring(void) {
  if (is_full(&stream_queue)) return false;
  taken = 0;
  bool is_empty = ring_buffer__consume(ring) >= 0;
  flush_block(&stream_queue);
  return is_empty;
}

/* From then on, everything is the command's. */
bool is_sentinel_seen(void) {
  ring_buffer__consume(ring);
  if (sentinel_seen) is_launching = false;
  return sentinel_seen;
}

bool read_anchor(__u32 *pid, __u64 *cgroup) {
  if (__atomic_load_n(&programs->bss->anchor_seen, __ATOMIC_ACQUIRE) == 0) return false;
  *pid = programs->bss->anchor_pid;
  *cgroup = programs->bss->anchor_cgroup;
  return true;
}

bool is_anchor_gone(void) { return __atomic_load_n(&programs->bss->anchor_gone, __ATOMIC_ACQUIRE) != 0; }

static struct counts sum_counts(uint32_t call, int processors) {
  struct counts sum = {0}, *each = calloc((size_t)processors, sizeof *each);
  if (each == NULL) fail("memory", ENOMEM);
  if (bpf_map_lookup_elem(bpf_map__fd(programs->maps.accounts), &call, each) != 0) fail("accounts", errno);
  for (int index = 0; index < processors; index++) {
    sum.emitted += each[index].emitted;
    sum.dropped += each[index].dropped;
    sum.unreadable += each[index].unreadable;
    sum.missed += each[index].missed;
  }
  free(each);
  return sum;
}

static uint64_t count_missed(const struct bpf_program *program) {
  struct bpf_prog_info info = {0};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) fail("accounts", errno);
  return info.recursion_misses;
}

enum { ACCOUNT_LIMIT = CALL_COUNT + 8 };

static struct {
  struct account account;
  const char *name;
} rows[ACCOUNT_LIMIT];
static uint32_t row_count;

static void add_row(const char *name, struct counts counts) {
  rows[row_count].name = name;
  rows[row_count++].account = (struct account){counts.emitted,    counts.dropped, counts.unreadable,
                                               counts.missed, (uint32_t)strlen(name), 0};
}

static void collect_rows(void) {
  int processors = libbpf_num_possible_cpus();
  if (processors < 1) fail("accounts", -processors);
  for (uint32_t call = 1; call < CALL_COUNT; call++) {
    struct counts counts = sum_counts(call, processors);
    /* The sentinel was no call of the command. */
    if (call == CALL_openat && sentinel_seen) counts.emitted--;
    if ((counts.emitted | counts.dropped | counts.missed) != 0) add_row(call_names[call], counts);
  }
  struct bpf_program *program;
  bpf_object__for_each_program(program, programs->obj) {
    const char *hook = strchr(bpf_program__section_name(program), '/');
    add_row(hook == NULL ? "" : hook + 1, (struct counts){.missed = count_missed(program)});
  }
}

/* No event comes any more; what the programs counted stays. */
void detach(void) { tracer_bpf__detach(programs); }

void write_accounts(uint32_t flags, uint32_t survivors) {
  collect_rows();
  struct finished_record record = {
      .header = {.size = sizeof record, .type = RECORD_FINISHED},
      .flags = flags,
      .survivors = survivors,
      .account_count = row_count,
  };
  for (uint32_t row = 0; row < row_count; row++) record.header.size += (uint32_t)sizeof(struct account) + rows[row].account.name_size;
  begin_record(&stream_queue, record.header.size);
  add(&stream_queue, &record, sizeof record);
  for (uint32_t row = 0; row < row_count; row++) {
    add(&stream_queue, &rows[row].account, sizeof rows[row].account);
    add(&stream_queue, rows[row].name, rows[row].account.name_size);
  }
  flush_block(&stream_queue);
}

/* STARTED and ATTACHED end with the table of calls. */
void tell_ready(uint8_t type, pid_t pid, uint64_t attach_time) {
  unsigned char table[CALL_COUNT * 32];
  uint32_t size = 0;
  for (uint32_t call = 1; call < CALL_COUNT; call++) {
    size_t length = strlen(call_names[call]);
    table[size++] = call_shapes[call].kind;
    table[size++] = (unsigned char)length;
    memcpy(table + size, call_names[call], length);
    size += (uint32_t)length;
  }
  const struct started_record record = {
      .header = {.type = type},
      .version = STREAM_VERSION,
      .pid = (uint32_t)pid,
      .attach_time = attach_time,
      .call_count = CALL_COUNT - 1,
      .guard = (uint32_t)guard_number(),
  };
  tell(&record, sizeof record, table, size);
}

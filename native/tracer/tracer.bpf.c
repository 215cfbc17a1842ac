/*
 * The programs in the kernel: they run at the beginning and the end of every system call, at fork, exec and exit of every
 * task, and do nothing unless the task has a tag. They read the arguments of its calls, what those point to, and where
 * the kernel says that a path leads; nothing else, and they change nothing.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include "kernel.h"
#include "shared.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AT_FDCWD (-100)
#define AF_UNIX 1
#define AF_NETLINK 16
#define AF_PACKET 17
#define SOCK_TYPE_MASK 0xf
#define SOCK_RAW 3
#define SOCK_PACKET 10
#define SIGNAL_GROUP_EXIT 4
#define EFAULT 14
#define ENOSYS 38
/* A path may lie so deep, counted in folders and mounts. */
#define WALK_LIMIT 512
#define NAME_BYTES 256
#define MESSAGE_LIMIT 1024

/* Set by the loader before the programs are loaded. The tracer is woken for so many bytes: a power of two. */
const volatile __u32 wake_bytes = 1 << 16;
const volatile bool has_anchor = false;
const volatile __u64 nonce[NONCE_BYTES / 8];

/* Tasks that have a tag and live. */
__u64 live;
/* Of the observer's pid namespace. */
__u32 pid_level;
/* The thread group that showed itself: as the kernel counts, and for the observer. */
__u32 anchor_group;
__u32 anchor_pid;
__u64 anchor_cgroup;
/* That it did, and that all of it is gone. */
__u32 anchor_seen;
__u32 anchor_gone;

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct tag);
} tags SEC(".maps");

struct kept {
  char text[2][KEPT_BYTES];
};

/* Only tasks that make calls that are told need it; without it, arguments are read at the end of the call. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct kept);
} keeps SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 24);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, CALL_COUNT);
  __type(key, __u32);
  __type(value, struct counts);
} accounts SEC(".maps");

/* The tables: the loader fills and freezes them, and nobody changes them any more. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __uint(max_entries, CALL_COUNT);
  __type(key, __u32);
  __type(value, struct shape);
} shapes SEC(".maps");

/* By number: the native calls, then the 32-bit ones. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __uint(max_entries, 2 * CALL_NUMBERS);
  __type(key, __u32);
  __type(value, __u16);
} numbers SEC(".maps");

#if defined(__TARGET_ARCH_x86)
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __uint(max_entries, SOCKET_CALL_NUMBERS);
  __type(key, __u32);
  __type(value, __u16);
} socket_numbers SEC(".maps");
#endif

/* Where a record is put together: one for each program, which never runs twice at a time on a processor. */
enum desk { DESK_ENTER, DESK_LEAVE, DESK_FORK, DESK_EXEC, DESK_EXIT, DESK_COUNT };

#define TEXT_LIMIT (4 * PATH_BYTES)

struct record {
  struct call_record head;
  char text[TEXT_LIMIT + PATH_BYTES];
  __u32 used;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, DESK_COUNT);
  __type(key, __u32);
  __type(value, struct record);
} desks SEC(".maps");

static __always_inline struct record *record_of(__u32 desk) { return bpf_map_lookup_elem(&desks, &desk); }

static __always_inline struct tag *tag_of(struct task_struct *task) {
  return bpf_task_storage_get(&tags, task, NULL, 0);
}

static __always_inline struct counts *counts_of(__u32 call) { return bpf_map_lookup_elem(&accounts, &call); }

static __always_inline struct shape *shape_of(__u32 call) { return bpf_map_lookup_elem(&shapes, &call); }

static __always_inline __u32 number_in_namespace(struct task_struct *task) {
  __u32 level = pid_level, number = 0;
  struct pid *pid = BPF_CORE_READ(task, thread_pid);
  if (level > 31) return 0;
  /* The size of an entry is the kernel's. */
  const char *first = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
  bpf_probe_read_kernel(&number, sizeof number, first + level * bpf_core_type_size(struct upid));
  return number;
}

static __always_inline __u32 pid_in_namespace(struct task_struct *task) {
  return pid_level == 0 ? task->pid : number_in_namespace(task);
}

static __always_inline __u32 group_in_namespace(struct task_struct *task) {
  if (pid_level == 0) return task->tgid;
  /* Not task->group_leader: for each such pointer the verifier looks through all types of the kernel. */
  return number_in_namespace(BPF_CORE_READ(task, group_leader));
}

/* The place where the next bytes of a record go. */
static __always_inline __u64 within_text(__u64 at) {
  barrier_var(at);
  if (at > TEXT_LIMIT) at = TEXT_LIMIT;
  barrier_var(at);
  return at;
}

static __always_inline __u64 end_of(struct record *record) { return within_text(record->used); }

/* The size of a peer, in words that the verifier follows. */
static __always_inline __u64 peer_size(__u64 given) {
  __u64 size = (__u32)given;
  if (size > PEER_BYTES) size = PEER_BYTES;
  barrier_var(size);
  return size & 0xff;
}

/* How a walk up to the root goes. */
struct walk {
  struct dentry *dentry;
  struct vfsmount *mount;
  struct dentry *mount_root;
  struct mnt_namespace *namespace;
  __u32 desk;
  __u32 begin;
  __s32 done; /* 1 at a root, -1 when it leads nowhere */
};

static long walk_up(__u32 index, struct walk *walk) {
  struct record *record = record_of(walk->desk);
  if (record == NULL) return 1;
  struct dentry *dentry = walk->dentry;
  struct vfsmount *vfs = walk->mount;
  if (dentry == walk->mount_root) {
    struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
    struct mount *parent = BPF_CORE_READ(mount, mnt_parent);
    if (parent == mount) {
      walk->namespace = BPF_CORE_READ(mount, mnt_ns);
      walk->done = 1;
      return 1;
    }
    walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    struct vfsmount *above = (void *)parent + bpf_core_field_offset(struct mount, mnt);
    walk->mount = above;
    walk->mount_root = BPF_CORE_READ(above, mnt_root);
    return 0;
  }
  struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
  __u64 at = end_of(record);
  if (parent == dentry || at + NAME_BYTES > walk->begin + PATH_BYTES) {
    walk->done = -1;
    return 1;
  }
  long size = bpf_probe_read_kernel_str(record->text + at, NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
  if (size <= 0) {
    walk->done = -1;
    return 1;
  }
  record->used = at + size;
  walk->dentry = parent;
  return 0;
}

/* Writes the names from there up to the root of the mount namespace of the task that runs; false when there is no such way. */
static __always_inline bool write_way(__u32 desk, struct vfsmount *mount, struct dentry *dentry) {
  struct record *record = record_of(desk);
  if (record == NULL || mount == NULL || dentry == NULL) return false;
  /* A file that has no name any more, or never had one. */
  if (BPF_CORE_READ(dentry, d_hash.pprev) == NULL && BPF_CORE_READ(dentry, d_parent) != dentry) return false;
  struct walk walk = {.dentry = dentry, .mount = mount, .desk = desk, .begin = record->used};
  walk.mount_root = BPF_CORE_READ(mount, mnt_root);
  bpf_loop(WALK_LIMIT, walk_up, &walk, 0);
  struct task_struct *task = bpf_get_current_task_btf();
  if (walk.done == 1 && walk.namespace != NULL && walk.namespace == BPF_CORE_READ(task, nsproxy, mnt_ns)) return true;
  record->used = walk.begin;
  return false;
}

static __always_inline struct file *file_of(__s64 descriptor) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  if (descriptor < 0 || table == NULL || descriptor >= BPF_CORE_READ(table, max_fds)) return NULL;
  struct file **files = BPF_CORE_READ(table, fd), *file = NULL;
  bpf_probe_read_kernel(&file, sizeof file, files + descriptor);
  return file;
}

/* @return 0 when the way to what the descriptor means was written, or -1. */
__noinline int write_file(__u32 desk, __s64 descriptor) {
  struct file *file = file_of(descriptor);
  if (file == NULL) return -1;
  return write_way(desk, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry)) ? 0 : -1;
}

__noinline int write_folder(__u32 desk, bool is_root) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct fs_struct *fs = BPF_CORE_READ(task, fs);
  if (fs == NULL) return -1;
  if (is_root) return write_way(desk, BPF_CORE_READ(fs, root.mnt), BPF_CORE_READ(fs, root.dentry)) ? 0 : -1;
  return write_way(desk, BPF_CORE_READ(fs, pwd.mnt), BPF_CORE_READ(fs, pwd.dentry)) ? 0 : -1;
}

/* Calls that may change the memory in which their own path stands: that of the file that is mapped there. */
static __always_inline bool may_change_path(__u32 call) { return call == CALL_truncate || call == CALL_truncate64; }

/* @return flags: of the path that stands in the argument, as the program gave it. */
__noinline int write_given(__u32 desk, __u64 address, __u64 kept, __u32 second) {
  struct record *record = record_of(desk);
  if (record == NULL) return 0;
  __u64 at = end_of(record);
  long size = 0;
  int flags = 0;
  kept &= 0x7ff; /* it is at most KEPT_BYTES */
  if (kept > 0) {
    struct kept *keep = bpf_task_storage_get(&keeps, bpf_get_current_task_btf(), NULL, 0);
    if (keep != NULL && bpf_probe_read_kernel(record->text + at, kept, keep->text[second & 1]) == 0) size = kept;
  }
  if (size == 0) {
    if (may_change_path(record->head.call)) return FLAG_UNREADABLE_0;
    size = bpf_probe_read_user_str(record->text + at, PATH_BYTES, (void *)address);
    flags = FLAG_LATE_0;
  }
  if (size <= 0) return FLAG_UNREADABLE_0;
  record->used = at + size - 1;
  char more = 0;
  if (size == PATH_BYTES) bpf_probe_read_user(&more, 1, (void *)address + PATH_BYTES - 1);
  return more == 0 ? flags : flags | FLAG_CUT_0;
}

/* @param number from 1. */
static __always_inline __u64 argument(const __u64 *arguments, __u64 number) { return arguments[(number - 1) & 7]; }

/* The way that was written before an exec, which may have closed the descriptor. */
__noinline int write_kept_way(__u32 desk, __u64 size) {
  struct record *record = record_of(desk);
  struct kept *keep = bpf_task_storage_get(&keeps, bpf_get_current_task_btf(), NULL, 0);
  if (record == NULL || keep == NULL) return -1;
  __u64 at = end_of(record);
  size &= 0x7ff;
  if (size == 0 || bpf_probe_read_kernel(record->text + at, size, keep->text[1]) != 0) return -1;
  record->used = at + size;
  return 0;
}

/* Writes the way of a descriptor where it outlives an exec. */
static __always_inline void keep_way(struct tag *tag, __s32 descriptor) {
  struct record *record = record_of(DESK_ENTER);
  struct kept *keep = bpf_task_storage_get(&keeps, bpf_get_current_task_btf(), NULL, 0);
  if (record == NULL || keep == NULL) return;
  record->used = 0;
  if (write_file(DESK_ENTER, descriptor) != 0) return;
  __u64 size = record->used;
  if (size > 0 && size < KEPT_BYTES && bpf_probe_read_kernel(keep->text[1], size, record->text) == 0) tag->kept[1] = size;
}

/* A path of a call, and the folder that it is relative to. */
static __always_inline void write_path(__u32 desk, struct tag *tag, struct shape *shape, __u32 second, __s64 result) {
  struct record *record = record_of(desk);
  if (record == NULL) return;
  __u32 number = shape->path[second], base = shape->base[second], begin = record->used;
  __u32 flags = 0;
  bool is_absolute = false;
  /* Of an exec that has happened, it was written already where it was not kept. */
  if (begin != 0 && second == 0) begin = 0;
  else if (number != 0) {
    flags = FLAG_GIVEN_0 | write_given(desk, argument(tag->arguments, number), tag->kept[second], second);
    record->head.length[second == 0 ? GIVEN_0 : GIVEN_1] = record->used - begin;
  }
  __u64 at = within_text(begin);
  is_absolute = number != 0 && record->used > begin && record->text[at] == '/';
  begin = record->used;
  __s32 found = -1;
  if (shape->kind == OPEN && result >= 0) {
    found = write_file(desk, result);
    if (found == 0) flags |= FLAG_RETURNED;
  }
  if (shape->kind == EXEC && tag->kept[1] != 0) found = write_kept_way(desk, tag->kept[1]);
  if (found != 0 && base != 0 && base != TEXT) {
    __s32 descriptor = base == CWD ? AT_FDCWD : (__s32)argument(tag->arguments, base);
    if (is_absolute) found = write_folder(desk, true);
    else if (descriptor == AT_FDCWD && number != 0) found = write_folder(desk, false);
    else found = write_file(desk, descriptor);
  }
  if (number == 0) flags |= FLAG_DESCRIPTOR;
  if (found == 0) flags |= FLAG_ABSOLUTE_0;
  record->head.length[second == 0 ? BASE_0 : BASE_1] = record->used - begin;
  /* The flags of the second path stand a bit above those of the first. */
  __u32 shifted = second == 0 ? flags : flags << 1;
  record->head.flags |= shifted;
}

/* A struct sockaddr in the memory of the task. @return false when it cannot be read. */
static __always_inline bool write_peer(struct record *record, __u64 address, __u32 given_size) {
  __u64 at = end_of(record), size = peer_size(given_size);
  if (address == 0 || size == 0) return true;
  if (bpf_probe_read_user(record->text + at, size, (void *)address) != 0) return false;
  record->used = at + size;
  return true;
}

/* Where the peer of a message stands: its struct msghdr begins with that. */
struct peer_place {
  __u64 address;
  __u32 size, pad;
};

static __always_inline bool read_peer_place(struct peer_place *place, __u64 message, bool is_compat) {
  if (!is_compat) return bpf_probe_read_user(place, sizeof *place, (void *)message) == 0;
  struct { __u32 name, size; } head;
  if (bpf_probe_read_user(&head, sizeof head, (void *)message) != 0) return false;
  place->address = head.name, place->size = head.size;
  return true;
}

static __always_inline bool write_message_peer(struct record *record, __u64 message, bool is_compat) {
  struct peer_place place;
  return read_peer_place(&place, message, is_compat) && write_peer(record, place.address, place.size);
}

/* Of accept: the size stands in memory, too, and the call has filled both in. */
static __always_inline bool write_accepted_peer(struct record *record, __u64 address, __u64 size_address) {
  __u32 size = 0;
  if (address == 0) return true;
  return bpf_probe_read_user(&size, sizeof size, (void *)size_address) == 0 && write_peer(record, address, size);
}

/* Hands the record over, and counts it. */
__noinline int tell(__u32 desk) {
  struct record *record = record_of(desk);
  if (record == NULL) return 0;
  __u64 size = end_of(record) + sizeof record->head;
  record->head.header.size = size;
  /* Where two processors pass such a place at the same time, neither may see it: then the next one is seen. */
  __u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  bool is_passed = ((waiting ^ (waiting + size)) & -(__u64)wake_bytes) != 0;
  __u64 flags = is_passed ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  long error = bpf_ringbuf_output(&events, record, size, flags);
  struct counts *counts = counts_of(record->head.call);
  if (counts == NULL) return 0;
  if (error != 0) {
    __sync_fetch_and_add(&counts->dropped, 1);
    return -1;
  }
  __sync_fetch_and_add(&counts->emitted, 1);
  /* What the kernel could not read either is no loss. */
  bool is_lost = (record->head.flags & (FLAG_UNREADABLE_0 | FLAG_UNREADABLE_1 | FLAG_UNREADABLE_PEER)) != 0;
  if (is_lost && record->head.result != -EFAULT) __sync_fetch_and_add(&counts->unreadable, 1);
  return 0;
}

static __always_inline struct record *begin_record(__u32 desk, __u32 call) {
  struct record *record = record_of(desk);
  if (record == NULL) return NULL;
  struct task_struct *task = bpf_get_current_task_btf();
  __builtin_memset(&record->head, 0, sizeof record->head);
  record->used = 0;
  record->head.header.type = RECORD_CALL;
  record->head.call = call;
  record->head.pid = group_in_namespace(task);
  record->head.tid = pid_in_namespace(task);
  record->head.cgroup = bpf_get_current_cgroup_id();
  record->head.time = bpf_ktime_get_ns();
  return record;
}

/* sendmmsg: a record for each message that was sent, or one when none was. */
struct messages {
  __u64 address;
  __u32 count;
  __u32 desk;
};

static long tell_message(__u32 index, struct messages *messages) {
  struct record *record = record_of(messages->desk);
  if (record == NULL || index >= messages->count) return 1;
  bool is_compat = (record->head.flags & FLAG_COMPAT) != 0;
  __u32 size = is_compat ? 32 : 64;
  record->used = 0;
  record->head.flags &= ~FLAG_UNREADABLE_PEER;
  struct peer_place place;
  bool is_read = read_peer_place(&place, messages->address + index * size, is_compat);
  /* The call writes sizes between the messages: what stands there is not what it was when the call began. */
  __u64 end = messages->address + messages->count * size;
  if (is_read && place.address + peer_size(place.size) > messages->address && place.address < end) is_read = false;
  if (!is_read || !write_peer(record, place.address, place.size)) record->head.flags |= FLAG_UNREADABLE_PEER;
  record->head.length[EXTRA] = record->used;
  tell(messages->desk);
  return 0;
}

/* Tells the call that the task is in, which ends now. */
__noinline int tell_call(__u32 desk, __s64 result, __u32 more_flags) {
  struct tag *tag = tag_of(bpf_get_current_task_btf());
  if (tag == NULL) return 0;
  __u32 call = tag->call;
  struct shape *shape = shape_of(call);
  struct record *record = begin_record(desk, call);
  if (shape == NULL || record == NULL) return 0;
  record->head.flags = tag->flags | more_flags;
  record->head.result = result;
  __builtin_memcpy(record->head.arguments, tag->arguments, sizeof record->head.arguments);
  if (shape->path[0] != 0 || shape->base[0] != 0) write_path(desk, tag, shape, 0, result);
  if (shape->path[1] != 0 || shape->base[1] != 0) write_path(desk, tag, shape, 1, -1);
  __u32 begin = record->used, special = shape->special;
  bool is_compat = (tag->flags & FLAG_COMPAT) != 0, is_read = true;
  if (special == MESSAGES) {
    struct messages messages = {.address = tag->arguments[1], .desk = desk, .count = result > 0 ? result : 1};
    bpf_loop(MESSAGE_LIMIT, tell_message, &messages, 0);
    return 0;
  }
  if (shape->peer != 0) {
    __u64 kept = peer_size(tag->kept[1]), at = end_of(record);
    struct kept *keep = kept == 0 ? NULL : bpf_task_storage_get(&keeps, bpf_get_current_task_btf(), NULL, 0);
    if (keep != NULL && bpf_probe_read_kernel(record->text + at, kept, keep->text[1]) == 0)
      record->used = at + kept;
    else is_read = write_peer(record, argument(tag->arguments, shape->peer), argument(tag->arguments, shape->peer + 1));
  } else if (special == MESSAGE) is_read = write_message_peer(record, tag->arguments[1], is_compat);
  else if (special == ACCEPTED && result >= 0) is_read = write_accepted_peer(record, tag->arguments[1], tag->arguments[2]);
  else if (special == OPEN_HOW) is_read = write_peer(record, tag->arguments[2], 24);
  if (!is_read) record->head.flags |= FLAG_UNREADABLE_PEER;
  record->head.length[EXTRA] = record->used - begin;
  return tell(desk);
}

/* Reads what may be gone at the end of the call, if it is resident. */
static __always_inline void keep_texts(struct tag *tag, struct shape *shape) {
  struct kept *keep = bpf_task_storage_get(&keeps, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (keep == NULL) return;
  for (__u32 second = 0; second < 2; second++) {
    __u32 number = shape->path[second];
    if (number == 0) continue;
    long size = bpf_probe_read_user_str(keep->text[second], KEPT_BYTES, (void *)argument(tag->arguments, number));
    /* A text that fills the room may be longer. */
    if (size > 0 && size < KEPT_BYTES) tag->kept[second] = size;
  }
  if (shape->peer != 0) {
    __u64 size = peer_size(argument(tag->arguments, shape->peer + 1));
    void *address = (void *)argument(tag->arguments, shape->peer);
    if (size > 0 && address != NULL && bpf_probe_read_user(keep->text[1], size, address) == 0) tag->kept[1] = size;
  }
}

static __always_inline bool is_compat_call(struct task_struct *task, long number) {
#if defined(__TARGET_ARCH_x86)
  return (task->thread_info.status & 2) != 0; /* TS_COMPAT */
#else
  return (task->thread_info.flags & (1 << 22)) != 0; /* TIF_32BIT */
#endif
}

static __always_inline void read_arguments(struct tag *tag, struct pt_regs *regs, bool is_compat) {
#if defined(__TARGET_ARCH_x86)
  if (is_compat) {
    tag->arguments[0] = (__u32)regs->bx, tag->arguments[1] = (__u32)regs->cx, tag->arguments[2] = (__u32)regs->dx;
    tag->arguments[3] = (__u32)regs->si, tag->arguments[4] = (__u32)regs->di, tag->arguments[5] = (__u32)regs->bp;
    return;
  }
  tag->arguments[0] = regs->di, tag->arguments[1] = regs->si, tag->arguments[2] = regs->dx;
  tag->arguments[3] = regs->r10, tag->arguments[4] = regs->r8, tag->arguments[5] = regs->r9;
#else
  __u64 mask = is_compat ? 0xffffffff : ~0ull;
  tag->arguments[0] = regs->regs[0] & mask, tag->arguments[1] = regs->regs[1] & mask;
  tag->arguments[2] = regs->regs[2] & mask, tag->arguments[3] = regs->regs[3] & mask;
  tag->arguments[4] = regs->regs[4] & mask, tag->arguments[5] = regs->regs[5] & mask;
#endif
}

/* @return which call that is; 0 when it is not told. */
static __always_inline __u32 call_of(long number, bool is_compat) {
  if (number < 0) return NO_CALL; /* it was taken back */
#if defined(__TARGET_ARCH_arm64)
  if (is_compat && number >= 0xf0000) return NO_CALL; /* the private ones of arm: of caches and threads */
#endif
  if (number > LAST_CALL) return CALL_undecoded;
  __u32 index = number + (is_compat ? CALL_NUMBERS : 0);
  __u16 *call = bpf_map_lookup_elem(&numbers, &index);
  return call == NULL ? NO_CALL : *call;
}

static __always_inline void learn_depth(struct tag *tag, struct task_struct *task) {
  pid_level = BPF_CORE_READ(task, thread_pid, level);
  tag->phase = 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long number) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct tag *tag = tag_of(task);
  if (tag == NULL) return 0;
  tag->call = NO_CALL;
  if (tag->phase == PHASE_SELF) learn_depth(tag, task);
  if (tag->phase == 0) return 0;
  bool is_compat = is_compat_call(task, number);
  __u32 call = call_of(number, is_compat);
  struct shape *shape = shape_of(call);
  if (call == NO_CALL || shape == NULL) return 0;
  tag->flags = is_compat ? FLAG_COMPAT : 0;
  tag->kept[0] = tag->kept[1] = 0;
  read_arguments(tag, regs, is_compat);
  if (call == CALL_undecoded) tag->arguments[0] = number;
  if (shape->path[0] != 0 || shape->peer != 0) keep_texts(tag, shape);
  if (call == CALL_execveat && (__s32)tag->arguments[0] != AT_FDCWD) keep_way(tag, tag->arguments[0]);
  tag->call = call;
  return 0;
}

#if defined(__TARGET_ARCH_x86)
/* socketcall(2): the arguments of the call that is meant stand in memory. */
static __always_inline void unfold_socket_call(struct tag *tag) {
  __u32 number = tag->arguments[0], values[6] = {};
  __u16 *call = bpf_map_lookup_elem(&socket_numbers, &number);
  if (call == NULL || *call == NO_CALL) {
    tag->call = NO_CALL;
    return;
  }
  __u64 address = tag->arguments[1];
  /* As many as the call has: behind them may be no memory. */
  __u32 size = *call == CALL_sendto ? 24 : *call == CALL_send || *call == CALL_accept4 || *call == CALL_sendmmsg ? 16 : 12;
  if (bpf_probe_read_user(values, size, (void *)address) != 0) tag->flags |= FLAG_UNREADABLE_PEER;
  for (__u32 index = 0; index < 6; index++) tag->arguments[index] = values[index];
  tag->call = *call;
}
#endif

/* Whether a socket is one whose packets the program writes and reads itself: where they go is in no address of a call. */
static __always_inline bool is_raw_socket(struct tag *tag) {
  __u32 family = tag->arguments[0], type = tag->arguments[1] & SOCK_TYPE_MASK;
  if (family == AF_PACKET || type == SOCK_PACKET) return true;
  /* Those go to the kernel and to this machine, whatever their type. */
  return type == SOCK_RAW && family != AF_UNIX && family != AF_NETLINK;
}

static __always_inline bool is_worth_telling(struct tag *tag, struct shape *shape) {
  return shape->special != RAW_SOCKET || is_raw_socket(tag);
}

static __always_inline void leave(struct tag *tag, __s64 result) {
  __u32 call = tag->call;
  if (call == NO_CALL) return;
#if defined(__TARGET_ARCH_x86)
  if (call == CALL_socketcall) unfold_socket_call(tag);
#endif
  struct shape *shape = shape_of(tag->call);
  bool is_told = tag->call != NO_CALL && shape != NULL && is_worth_telling(tag, shape);
  if (tag->phase == PHASE_LAUNCH) is_told = is_told && shape->kind == OPEN;
  /* A number that this kernel does not know either. */
  if (tag->call == CALL_undecoded && result == -ENOSYS) is_told = false;
  if (is_told) tell_call(DESK_LEAVE, result, 0);
  tag->call = NO_CALL;
}

/* The call that ends, of a task without a tag: its registers still hold the arguments. */
static __always_inline long number_of(struct pt_regs *regs) {
#if defined(__TARGET_ARCH_x86)
  return regs->orig_ax;
#else
  return regs->syscallno;
#endif
}

/* Whether a task without a tag has just opened a path that ends in the nonce. Nothing of other paths is kept. */
static __always_inline bool shows_nonce(struct task_struct *task, struct pt_regs *regs) {
  long number = number_of(regs);
  bool is_compat = is_compat_call(task, number);
  struct shape *shape = shape_of(call_of(number, is_compat));
  struct record *record = record_of(DESK_LEAVE);
  if (shape == NULL || record == NULL || shape->kind != OPEN) return false;
  struct tag call = {};
  read_arguments(&call, regs, is_compat);
#if defined(__TARGET_ARCH_arm64)
  call.arguments[0] = regs->orig_x0; /* its register holds the result */
#endif
  __u64 path = shape->path[0] == 1 ? call.arguments[0] : call.arguments[1], end[NONCE_BYTES / 8];
  long size = bpf_probe_read_user_str(record->text, PATH_BYTES, (void *)path);
  if (size <= NONCE_BYTES || bpf_probe_read_user(end, sizeof end, (void *)path + size - 1 - NONCE_BYTES) != 0) return false;
  __u64 difference = 0;
  for (__u32 index = 0; index < NONCE_BYTES / 8; index++) difference |= end[index] ^ nonce[index];
  return difference == 0;
}

static __always_inline void become_anchor(struct task_struct *task) {
  if (__sync_val_compare_and_swap(&anchor_group, 0, task->tgid) != 0) return;
  anchor_pid = group_in_namespace(task);
  anchor_cgroup = bpf_get_current_cgroup_id();
  __sync_fetch_and_add(&anchor_seen, 1);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_leave, struct pt_regs *regs, long result) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct tag *tag = tag_of(task);
  if (tag != NULL) leave(tag, result);
  else if (has_anchor && anchor_group == 0 && shows_nonce(task, regs)) become_anchor(task);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child) {
  struct tag *tag = tag_of(parent);
  __u32 phase = tag == NULL ? 0 : tag->phase;
  /* The first after the anchor: not its threads, nor what a stranger forks who has its number by now. */
  bool is_anchor = has_anchor && anchor_gone == 0 && parent->tgid == anchor_group;
  if (tag == NULL && is_anchor && child->tgid != anchor_group) phase = PHASE_RUN;
  if (phase == 0) return 0;
  struct tag *own = bpf_task_storage_get(&tags, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
  struct counts *counts = counts_of(CALL_fork);
  if (own == NULL) {
    if (counts != NULL) __sync_fetch_and_add(&counts->missed, 1);
    return 0;
  }
  own->phase = phase;
  __sync_fetch_and_add(&live, 1);
  struct record *record = begin_record(DESK_FORK, CALL_fork);
  if (record == NULL) return 0;
  record->head.arguments[0] = group_in_namespace(child);
  record->head.arguments[1] = record->head.result = pid_in_namespace(child);
  tell(DESK_FORK);
  return 0;
}

/* The memory with the path is gone: it was kept, or the kernel has a copy. */
static __always_inline void tell_exec(struct tag *tag, struct linux_binprm *bprm) {
  struct shape *shape = shape_of(tag->call);
  struct record *record = begin_record(DESK_EXEC, tag->call);
  if (shape == NULL || record == NULL) return;
  record->head.flags = tag->flags;
  __builtin_memcpy(record->head.arguments, tag->arguments, sizeof record->head.arguments);
  if (tag->kept[0] == 0) {
    long size = bpf_probe_read_kernel_str(record->text, PATH_BYTES, bprm->filename);
    record->used = size > 0 && size <= PATH_BYTES ? size - 1 : 0;
    record->head.length[GIVEN_0] = record->used;
    record->head.flags |= size > 0 ? FLAG_GIVEN_0 : FLAG_GIVEN_0 | FLAG_UNREADABLE_0;
  }
  write_path(DESK_EXEC, tag, shape, 0, -1);
  tell(DESK_EXEC);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm) {
  struct tag *tag = tag_of(bpf_get_current_task_btf());
  if (tag == NULL || tag->phase == 0) return 0;
  if (tag->call == CALL_execve || tag->call == CALL_execveat) {
    tag->phase = PHASE_RUN;
    tell_exec(tag, bprm);
    tag->call = NO_CALL;
  }
  return 0;
}

/* Of a call in which its task is killed: those that are told only by what they were, or what came of them, hid nothing. */
static __always_inline bool is_told_unfinished(__u32 call) {
  return call != NO_CALL && call != CALL_socketcall && call != CALL_socket && call != CALL_undecoded;
}

/*
 * What wait(2) will tell of the process, whichever of its tasks ends now, and how that one was told to: the last that
 * begins to end decides it where nothing else did, and may end before one that began earlier.
 */
static __always_inline void write_end(struct record *record, struct task_struct *task) {
  bool is_decided = (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT) != 0;
  record->head.arguments[0] = is_decided ? BPF_CORE_READ(task, signal, group_exit_code) : task->exit_code;
  record->head.arguments[1] = is_decided;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *dead) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct tag *tag = tag_of(task);
  if (has_anchor && task->tgid == anchor_group && BPF_CORE_READ(task, signal, live.counter) == 0) anchor_gone = 1;
  if (tag == NULL || tag->phase == 0) return 0;
  if (tag->phase == PHASE_RUN) {
    if (is_told_unfinished(tag->call)) tell_call(DESK_EXIT, -1, FLAG_NO_RESULT);
    struct record *record = begin_record(DESK_EXIT, CALL_exit);
    if (record != NULL) {
      write_end(record, task);
      tell(DESK_EXIT);
    }
  }
  tag->phase = 0;
  __sync_fetch_and_add(&live, -1);
  return 0;
}

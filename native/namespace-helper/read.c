/* Sends a tree as it stands there: every entry with mode and owner, every file with its bytes. */
#include "helper.h"

static char buffer[1 << 18];
static char path[MAX_PATH];
static int count;

static void send_file(int seen, const struct record *record) {
  char number[12];
  size_t at = sizeof number - 1;
  number[at] = 0;
  for (int rest = seen; rest > 0 || at == sizeof number - 1; rest /= 10) number[--at] = (char)('0' + rest % 10);
  /* By what was examined, not by its name: opening a device in its place could do anything. */
  int fd = kernel_openat(descriptors, number + at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  require_done("read", fd);
  send(record, path, "", 0);
  for (uint64_t size = record->size; size > 0;) {
    long got = kernel_read(fd, buffer, size < sizeof buffer ? (size_t)size : sizeof buffer);
    if (got == -EINTR) continue;
    require_done("read", got);
    if (got == 0) fail("changed", 0);
    send_bytes(buffer, (size_t)got);
    size -= (uint64_t)got;
  }
  kernel_close(fd);
}

static void send_link(int seen, struct record *record) {
  char target[MAX_PATH];
  long size = kernel_readlinkat(seen, "", target, sizeof target);
  require_done("read", size);
  record->size = (uint64_t)size;
  send(record, path, target, (size_t)size);
}

static void send_directory(int fd, size_t length, int depth);

static void send_entry(int directory, const char *name, size_t length, int depth) {
  int seen = open_below(directory, name, O_PATH, 0, RESOLVE_HERE);
  if (seen == -ENOENT) fail("changed", 0);
  require_done("open", seen);
  struct record record = examine(seen);
  if (record.kind == 'f') send_file(seen, &record);
  else if (record.kind == 'l') send_link(seen, &record);
  else {
    record.size = 0;
    send(&record, path, "", 0);
  }
  kernel_close(seen);
  if (record.kind != 'd') return;
  int fd = open_below(directory, name, O_RDONLY | O_DIRECTORY, 0, RESOLVE_HERE);
  require_done("open", fd);
  send_directory(fd, length, depth);
  kernel_close(fd);
}

/* @param length of the directory's own path, at the start of `path`. */
static void send_directory(int fd, size_t length, int depth) {
  _Alignas(struct entry) char entries[4096];
  if (depth > MAX_DEPTH) fail("tree", ENAMETOOLONG);
  for (long size; (size = kernel_getdents(fd, entries, sizeof entries)) != 0;) {
    require_done("read", size);
    for (long at = 0; at < size;) {
      const struct entry *entry = (const void *)(entries + at);
      at += entry->length;
      if (is_same(entry->name, ".") || is_same(entry->name, "..")) continue;
      size_t name = length == 0 ? 0 : length + 1;
      if (++count > MAX_ENTRIES || name + length_of(entry->name) >= MAX_PATH) fail("tree", E2BIG);
      if (length > 0) path[length] = '/';
      memcpy(path + name, entry->name, length_of(entry->name) + 1);
      send_entry(fd, entry->name, name + length_of(entry->name), depth + 1);
    }
  }
}

/* The tree's own record has the empty path. */
void send_tree(int directory) {
  int fd = open_below(directory, ".", O_RDONLY | O_DIRECTORY, 0, RESOLVE_HERE);
  require_done("open", fd);
  struct record record = examine(fd);
  record.size = 0;
  path[0] = 0;
  send(&record, path, "", 0);
  send_directory(fd, 0, 0);
  send_record('e');
  kernel_close(fd);
}

void read_back(const char *where) {
  const char *missing;
  int directory = walk(where, &missing);
  await_go();
  if (directory < 0 || *missing != 0) fail("path", ENOENT);
  send_tree(directory);
}

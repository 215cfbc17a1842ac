/* Takes trees away, never through a link and never out of the mount that they are in. */
#include "helper.h"

static bool is_itself(const char *name) { return is_same(name, ".") || is_same(name, ".."); }

/* Directories that are emptied are read from their start again: entries may move while others vanish. */
static bool empty(int fd, int depth) {
  _Alignas(struct entry) char entries[4096];
  for (long size; (size = kernel_getdents(fd, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < size;) {
      const struct entry *entry = (const void *)(entries + at);
      if (!is_itself(entry->name) && !remove_entry(fd, entry->name, depth)) return false;
      at += entry->length;
    }
    kernel_alarm(PATIENCE);
  }
  return true;
}

/* @return whether it is gone; one that was not there is. */
bool remove_entry(int directory, const char *name, int depth) {
  long result = kernel_unlinkat(directory, name, 0);
  if (result != -EISDIR && result != -EPERM) return result == 0 || result == -ENOENT;
  if (depth > MAX_DEPTH) return false;
  int fd = open_below(directory, name, O_RDONLY | O_DIRECTORY, 0, RESOLVE_HERE);
  if (fd < 0) return false;
  bool is_empty = empty(fd, depth + 1);
  kernel_close(fd);
  return is_empty && kernel_unlinkat(directory, name, AT_REMOVEDIR) >= 0;
}

/* What was mounted there, once or, by a program that was killed and another one, again. */
static void detach_all(int directory, const char *name) {
  const uint64_t across = RESOLVE_HERE & ~(uint64_t)RESOLVE_NO_XDEV;
  for (int count = 0; count < MAX_DEPTH; count++) {
    int there = open_below(directory, name, O_PATH | O_DIRECTORY, 0, across);
    if (there < 0 || !is_mounted_by_us(there)) return;
    if (!detach(there)) fail("remove", EBUSY);
    kernel_close(there);
  }
}

/* First under another name, so that nothing half taken away has the name of a placement. */
void take_away(const char *parent, const char *name, const char *staging) {
  const char *missing;
  int directory = walk(parent, &missing);
  await_go();
  if (directory < 0 || *missing != 0) return;
  detach_all(directory, name);
  long result = kernel_rename(directory, name, staging);
  if (result != -ENOENT && result != -EEXIST) require_done("rename", result);
  if (!remove_entry(directory, staging, 0) || !remove_entry(directory, name, 0)) fail("remove", 0);
}

/* Mounts a directory of the host in the container, so that nobody there can write it. */
#include "helper.h"

/* Source: statvfs(3), statfs(2). */
enum { READ_ONLY = 1, NO_SETUID = 2, NO_DEVICES = 4 };
static const unsigned OURS = READ_ONLY | NO_SETUID | NO_DEVICES;
static const uint64_t ACROSS = RESOLVE_HERE & ~(uint64_t)RESOLVE_NO_XDEV;

static int source;

/*
 * In the host's namespace, before any other is entered: a mount that is nowhere yet, and gets its attributes before
 * anybody can see it. What is mounted below the directory does not come with it.
 */
void open_source(const char *path) {
  if (path[0] != '/') fail("usage", EINVAL);
  int directory = open_below(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  require_done("source", directory);
  source = kernel_clone_mount(directory);
  require_done("clone", source);
  const struct mount_attr attributes = {
      .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
      .propagation = MS_PRIVATE,
  };
  require_done("clone", kernel_set_mount(source, &attributes));
  kernel_close(directory);
}

static bool is_mount_root(int directory) {
  struct statx seen;
  require_done("examine", kernel_statx(directory, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_INO, &seen));
  if ((seen.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0) fail("examine", ENOSYS);
  return (seen.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* Never what an engine or a user mounted and can be written. */
bool is_mounted_by_us(int directory) {
  return is_mount_root(directory) && (examine(directory).mount_flags & OURS) == OURS;
}

/* @return whether it is gone for who comes by its path; the directory below it is there again. */
bool detach(int mount) {
  return kernel_fchdir(mount) >= 0 && kernel_detach_mount_here() >= 0;
}

static void tell_mount(int directory) {
  struct record record = examine(directory);
  record.size = 0;
  send(&record, "", "", 0);
}

/*
 * Tells the way to `parent`, then the source; waits, makes what is missing of the way and the directory, and mounts. Then the
 * way is told once more, and what its name leads to now; and waits again. Whoever exchanges a directory meanwhile cannot lead
 * the mount elsewhere, because all are held open; it is taken away then.
 */
void mount_source(const char *parent, const char *name) {
  static char missing[MAX_PATH];
  const char *rest;
  int directory = walk(parent, &rest);
  tell_mount(source);
  await_go();
  if (directory < 0) fail("path", ENOTDIR);
  memcpy(missing, rest, length_of(rest) + 1);
  directory = make_missing(directory, missing);
  int place = make_directory(directory, name, DIRECTORY_MODE);
  remember_made(directory, name);
  require_done("mount", kernel_attach_mount(source, place));
  remember_mount(source);
  int again = walk(parent, &rest);
  if (again < 0 || *rest != 0) fail("changed", 0);
  require_same(directory, again);
  int there = open_below(again, name, O_PATH | O_DIRECTORY, 0, ACROSS);
  require_done("open", there);
  require_same(source, there);
  if (!is_mounted_by_us(there)) fail("changed", 0);
  tell_mount(there);
  await_go();
  forget_unfinished();
}

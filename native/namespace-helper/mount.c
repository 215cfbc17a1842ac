/* Shows a directory of the host in the container, so that nobody there can write it. */
#include "helper.h"

/* Source: statvfs(3), statfs(2). */
enum { READ_ONLY = 1, NO_SETUID = 2, NO_DEVICES = 4 };
static const unsigned OURS = READ_ONLY | NO_SETUID | NO_DEVICES;
static const uint64_t ACROSS = RESOLVE_HERE & ~(uint64_t)RESOLVE_NO_XDEV;

static int tree, overlay;

static void set(int context, const char *key, const char *value) {
  require_done("overlay", kernel_configure(context, FSCONFIG_SET_STRING, key, value));
}

/* As the kernel wants it: two at least, when nothing can be written, and no longer than what it takes as a value. */
static const char *layers(const char *path, const char *empty) {
  static char text[256];
  size_t length = length_of(path), rest = length_of(empty);
  if (length + rest + 2 > sizeof text) fail("usage", ENAMETOOLONG);
  memcpy(text, path, length);
  text[length] = ':';
  memcpy(text + length + 1, empty, rest + 1);
  return text;
}

/*
 * In the host's namespace, before any other is entered: a file system of its own that shows a directory below BASE, in no
 * namespace yet. So whoever locks, leases or watches a file does it in this container, not in another one that has the directory,
 * too. The kernel is told names below BASE: a container reads them in its table of mounts.
 */
void open_source(const char *base, const char *path, const char *empty) {
  if (base[0] != '/' || !is_path_below(path) || !is_name(empty, length_of(empty))) fail("usage", EINVAL);
  int trees = open_below(AT_FDCWD, base, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  require_done("source", trees);
  tree = open_below(trees, path, O_PATH | O_DIRECTORY, 0, RESOLVE_HERE);
  require_done("source", tree);
  require_done("source", kernel_fchdir(trees));
  int context = kernel_open_file_system("overlay");
  require_done("overlay", context);
  set(context, "lowerdir", layers(path, empty));
  set(context, "redirect_dir", "nofollow");
  set(context, "metacopy", "off");
  require_done("overlay", kernel_configure(context, FSCONFIG_CMD_CREATE, NULL, NULL));
  overlay = kernel_mount(context, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  require_done("overlay", overlay);
  kernel_close(context);
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
 * Tells the way to `parent`, then the source and what shows it; waits, makes what is missing of the way and the directory, and
 * mounts. Then the way is told once more, and what its name leads to now; and waits again. Whoever exchanges a directory meanwhile cannot lead
 * the mount elsewhere, because all are held open; it is taken away then.
 */
void mount_source(const char *parent, const char *name) {
  static char missing[MAX_PATH];
  const char *rest;
  int directory = walk(parent, &rest);
  tell_mount(tree);
  tell_mount(overlay);
  await_go();
  if (directory < 0) fail("path", ENOTDIR);
  memcpy(missing, rest, length_of(rest) + 1);
  directory = make_missing(directory, missing);
  int place = make_directory(directory, name, DIRECTORY_MODE);
  remember_made(directory, name);
  require_done("mount", kernel_attach_mount(overlay, place));
  remember_mount(overlay);
  int again = walk(parent, &rest);
  if (again < 0 || *rest != 0) fail("changed", 0);
  require_same(directory, again);
  int there = open_below(again, name, O_PATH | O_DIRECTORY, 0, ACROSS);
  require_done("open", there);
  require_same(overlay, there);
  if (!is_mounted_by_us(there)) fail("changed", 0);
  tell_mount(there);
  await_go();
  forget_unfinished();
}

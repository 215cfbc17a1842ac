/* Writes a tree under a name of its own, and gives it the name of the placement when it is whole. */
#include "helper.h"

static char buffer[1 << 18];

/* Makes one directory that belongs to root, and opens it. What somebody else put there meanwhile is not root's. */
int make_directory(int parent, const char *name, unsigned mode) {
  require_done("make", kernel_mkdirat(parent, name, mode));
  int fd = open_below(parent, name, O_RDONLY | O_DIRECTORY, 0, RESOLVE_HERE);
  require_done("open", fd);
  if (examine(fd).uid != 0) fail("changed", 0);
  require_done("own", kernel_give_to_root(fd, ""));
  require_done("own", kernel_fchmod(fd, mode));
  return fd;
}

/* `missing` is cut into its names, which are remembered. */
int make_missing(int fd, char *missing) {
  while (*missing != 0) {
    const char *name = missing;
    while (*missing != 0 && *missing != '/') missing++;
    if (*missing != 0) *missing++ = 0;
    int next = make_directory(fd, name, DIRECTORY_MODE);
    remember_made(fd, name);
    fd = next;
  }
  return fd;
}

/* Opens the directory of an entry, below the tree and not through a link. `path` is cut there for a moment. */
static int open_parent(int tree, char *path) {
  ptrdiff_t name = last_name(path) - path;
  if (name == 0) return open_below(tree, ".", O_PATH | O_DIRECTORY, 0, RESOLVE_HERE);
  path[name - 1] = 0;
  int fd = open_below(tree, path, O_PATH | O_DIRECTORY, 0, RESOLVE_HERE);
  path[name - 1] = '/';
  return fd;
}

static void write_content(int fd, uint64_t size) {
  while (size > 0) {
    size_t piece = size < sizeof buffer ? (size_t)size : sizeof buffer;
    receive_bytes(buffer, piece);
    for (size_t done = 0; done < piece;) {
      long written = kernel_write(fd, buffer + done, piece - done);
      if (written == -EINTR) continue;
      require_done("write", written);
      done += (size_t)written;
    }
    size -= piece;
  }
}

static void write_file(int parent, const char *name, const struct record *record) {
  int fd = open_below(parent, name, O_WRONLY | O_CREAT | O_EXCL, 0600, RESOLVE_HERE);
  require_done("create", fd);
  write_content(fd, record->size);
  require_done("own", kernel_give_to_root(fd, ""));
  require_done("own", kernel_fchmod(fd, record->mode));
  require_done("write", kernel_fsync(fd));
  kernel_close(fd);
}

static void write_link(int parent, const char *name, const char *path, uint64_t size) {
  char target[MAX_PATH];
  if (size >= sizeof target) fail("input", ENAMETOOLONG);
  receive_bytes(target, (size_t)size);
  target[size] = 0;
  if (length_of(target) != size || leads_outside(path, target)) fail("input", EINVAL);
  require_done("create", kernel_symlinkat(target, parent, name));
  require_done("own", kernel_give_to_root(parent, name));
}

static void write_entry(int tree, char *path, const struct record *record) {
  if (!is_path_below(path) || (record->mode & ~0755u) != 0) fail("input", EINVAL);
  int parent = open_parent(tree, path);
  require_done("open", parent);
  const char *name = last_name(path);
  if (record->kind == 'd') kernel_close(make_directory(parent, name, record->mode));
  else if (record->kind == 'f') write_file(parent, name, record);
  else if (record->kind == 'l') write_link(parent, name, path, record->size);
  else fail("input", EINVAL);
  kernel_close(parent);
}

static void write_tree(int tree) {
  char path[MAX_PATH];
  for (int count = 0; count < MAX_ENTRIES; count++) {
    const struct record record = receive(path);
    if (record.kind == 'e') return;
    write_entry(tree, path, &record);
  }
  fail("input", E2BIG);
}

/*
 * Tells the way to `parent`, waits, makes what is missing of it, writes the tree that comes in, and renames it. Then
 * the way is told once more, to the tree by its path now; waits again, and sends back what stands there.
 */
void place(const char *parent, const char *name, const char *staging) {
  static char missing[MAX_PATH], path[MAX_PATH];
  const char *rest;
  size_t length = length_of(parent);
  if (length + length_of(name) + 2 > MAX_PATH) fail("path", ENAMETOOLONG);
  int directory = walk(parent, &rest);
  await_go();
  if (directory < 0) fail("path", ENOTDIR);
  memcpy(missing, rest, length_of(rest) + 1);
  directory = make_missing(directory, missing);
  int tree = make_directory(directory, staging, 0700);
  remember_staging(directory, staging);
  write_tree(tree);
  require_done("own", kernel_fchmod(tree, DIRECTORY_MODE));
  require_done("write", kernel_fsync(tree));
  require_done("rename", kernel_rename(directory, staging, name));
  remember_name(name);
  memcpy(path, parent, length);
  if (length > 1) path[length++] = '/';
  memcpy(path + length, name, length_of(name) + 1);
  int there = walk(path, &rest);
  if (there < 0 || *rest != 0) fail("changed", 0);
  require_same(tree, there);
  await_go();
  send_tree(tree);
  await_go();
  forget_unfinished();
}

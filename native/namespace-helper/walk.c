/* The way to a directory, one component at a time, each held open: what was examined cannot be exchanged any more. */
#include "helper.h"

int open_below(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  const struct open_how how = {.flags = flags | O_NOFOLLOW | O_CLOEXEC, .mode = mode, .resolve = resolve};
  return kernel_openat2(directory, path, &how);
}

static uint32_t kind_of(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return 'd';
    case S_IFREG: return 'f';
    case S_IFLNK: return 'l';
    default: return 'x';
  }
}

/* Without the number of its mount nothing could be said of where a directory is. */
struct record examine(int fd) {
  struct statx seen;
  struct statfs mount;
  const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  require_done("examine", kernel_statx(fd, "", flags, STATX_BASIC_STATS | STATX_MNT_ID, &seen));
  if ((seen.stx_mask & STATX_MNT_ID) == 0) fail("examine", ENOSYS);
  require_done("examine", kernel_fstatfs(fd, &mount));
  return (struct record){
      .kind = kind_of(seen.stx_mode),
      .mode = seen.stx_mode & 07777u,
      .uid = seen.stx_uid,
      .gid = seen.stx_gid,
      .size = seen.stx_size,
      .device = (uint64_t)seen.stx_dev_major << 32 | seen.stx_dev_minor,
      .inode = seen.stx_ino,
      .mount = seen.stx_mnt_id,
      .file_system = (uint64_t)mount.f_type,
      .mount_flags = (uint32_t)mount.f_flags,
  };
}

/* Whether what a name leads to now is what was written, or is held open. */
void require_same(int fd, int other) {
  const struct record one = examine(fd), two = examine(other);
  if (one.inode != two.inode || one.device != two.device || one.mount != two.mount) fail("changed", 0);
}

static struct record tell(int fd) {
  struct record record = examine(fd);
  const struct record told = record;
  record.size = 0; /* no content follows */
  send(&record, "", "", 0);
  return told;
}

/* Copies the next component into `name`. */
static const char *next_component(const char *path, char name[256]) {
  size_t length = 0;
  for (; path[length] != 0 && path[length] != '/'; length++) {
    if (length == 255) fail("path", ENAMETOOLONG);
    name[length] = path[length];
  }
  name[length] = 0;
  if (!is_name(name, length)) fail("path", EINVAL);
  return path[length] == '/' ? path + length + 1 : path + length;
}

/*
 * Goes along an absolute path from the root of the mount namespace and tells each component. Follows no link; enters
 * mounts, which are told with each component, for who judges them.
 * @param missing the rest of the path from the first component that is not there, empty when all are.
 * @return the last directory that is there, or -1 when something on the way is no directory.
 */
int walk(const char *path, const char **missing) {
  char name[256];
  if (path[0] != '/') fail("path", EINVAL);
  int fd = kernel_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  require_done("open", fd);
  tell(fd);
  *missing = path + 1;
  while (**missing != 0) {
    const char *rest = next_component(*missing, name);
    int next = open_below(fd, name, O_PATH, 0, RESOLVE_HERE & ~(uint64_t)RESOLVE_NO_XDEV);
    if (next == -ENOENT) {
      send_record('n');
      break;
    }
    require_done("open", next);
    kernel_close(fd);
    fd = next;
    *missing = rest;
    if (tell(fd).kind != 'd') {
      fd = -1;
      break;
    }
  }
  send_record('e');
  return fd;
}

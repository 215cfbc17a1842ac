/* Paths of every length around the limit, and with every byte that a path can hold. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct { unsigned long long flags, mode, resolve; } how = {O_RDONLY, 0, 8};

static void all_ways(const char *path) {
  syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
#ifdef SYS_open
  syscall(SYS_open, path, O_RDONLY);
#endif
}

int main(void) {
  char path[5000];
  static const int lengths[] = {1, 63, 64, 199, 200, 255, 256, 1023, 1024, 2047, 2048, 3000, 4094, 4095, 4096, 4097, 4500};
  for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    for (int at = 0; at < lengths[i]; at++) path[at] = at % 2 ? '/' : '.';
    path[lengths[i]] = 0;
    all_ways(path);
  }
  memset(path, 'n', 255);
  path[255] = 0;
  close(open(path, O_CREAT | O_WRONLY | O_EXCL, 0640));
  all_ways(path);
  for (int byte = 1; byte < 256; byte++) {
    sprintf(path, "byte %c of a name", byte);
    close(open(path, O_CREAT | O_RDWR | O_TRUNC, 0600));
    all_ways(path);
  }
  static const char *odd[] = {"a) = 3", "x <unfinished ...>", "\"quoted\"", "back\\slash \\x41 \\n", "\xc3\xa9t\xc3\xa9",
                              "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xef\xbf\xbd", "tab\tnew\nline", ""};
  for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) all_ways(odd[i]);
  all_ways((const char *)8);
  all_ways(0);
  return 0;
}

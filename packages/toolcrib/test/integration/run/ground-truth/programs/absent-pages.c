/* Opens 200 files whose names lie in pages of a file that were not read yet: the kernel brings them when it opens. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COUNT = 200, PAGE = 4096 };

int main(void) {
  int file = open("names", O_RDWR | O_CREAT | O_TRUNC, 0600);
  ftruncate(file, COUNT * PAGE);
  for (int i = 0; i < COUNT; i++) {
    char name[64];
    int length = sprintf(name, "file-%d", i);
    /* Some go over the end of a page. */
    pwrite(file, name, length + 1, i * PAGE + (i % 2 && i + 1 < COUNT ? PAGE - 4 : 0));
  }
  fsync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  char *names = mmap(0, COUNT * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
  madvise(names, COUNT * PAGE, MADV_RANDOM);
  for (int i = 0; i < COUNT; i++) {
    const char *name = names + i * PAGE + (i % 2 && i + 1 < COUNT ? PAGE - 4 : 0);
    close(openat(AT_FDCWD, name, O_CREAT | O_WRONLY, 0600));
  }
  return 0;
}

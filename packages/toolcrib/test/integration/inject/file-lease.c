/*
 * file-lease hold FILE   takes a lease and a lock on a file, says so, and keeps both until its input ends.
 * file-lease try FILE    ends with 0 when the file can be opened and locked at once, with 1 when it would have to wait.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count != 3) return 2;
  int is_try = strcmp(arguments[1], "try") == 0;
  int file = open(arguments[2], O_RDONLY | (is_try ? O_NONBLOCK : 0));
  if (file < 0) return 1;
  if (is_try) return flock(file, LOCK_EX | LOCK_NB) < 0;
  signal(SIGIO, SIG_IGN);
  if (flock(file, LOCK_EX) < 0 || fcntl(file, F_SETLEASE, F_WRLCK) < 0) return 2;
  puts("held");
  fflush(stdout);
  char end;
  return read(0, &end, 1) < 0;
}

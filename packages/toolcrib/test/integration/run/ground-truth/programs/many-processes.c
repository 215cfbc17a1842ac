/* 2,000 processes that live for 5 milliseconds each, 50 at a time; each starts a program, which opens a file. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count == 2) {
    struct timespec moment = {0, 5 * 1000 * 1000};
    nanosleep(&moment, 0);
    open(arguments[1], O_RDONLY);
    return 0;
  }
  for (int i = 0; i < 2000; i++) {
    if (i >= 50) wait(0);
    char name[32];
    sprintf(name, "of-process-%d", i);
    if (fork() == 0) {
      execl("/proc/self/exe", "child", name, (char *)0);
      return 1;
    }
  }
  while (wait(0) > 0) continue;
  return 0;
}

/* Becomes a daemon as Stevens has it: two forks, a session of its own, the root directory; then works on for a while. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count < 2 || fork() != 0) return 0;
  setsid();
  if (fork() != 0) return 0;
  chdir("/");
  umask(0);
  for (int i = 0; i < 3; i++) dup2(open("/dev/null", O_RDWR), i);
  struct timespec moment = {0, 100 * 1000 * 1000};
  nanosleep(&moment, 0);
  for (int i = 0; i < 20; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/left-by-the-daemon-%d", arguments[1], i);
    close(open(path, O_CREAT | O_WRONLY | O_APPEND, 0600));
  }
  execl("/bin/true", "true", (char *)0);
  return 1;
}

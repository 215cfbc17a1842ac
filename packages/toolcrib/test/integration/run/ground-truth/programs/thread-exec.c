/* Starts a program from a thread that is not the first of its process: the program goes on under the process's id. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void open_ten(const char *what) {
  for (int i = 0; i < 10; i++) {
    char name[32];
    sprintf(name, "%s-%d", what, i);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
}

static void *start(void *nothing) {
  open_ten("thread");
  execl("/proc/self/exe", "again", "again", (char *)0);
  return nothing;
}

int main(int count, char **arguments) {
  (void)arguments;
  if (count > 1) {
    open_ten("program");
    return 0;
  }
  pthread_t thread;
  pthread_create(&thread, 0, start, 0);
  pthread_join(thread, 0);
  return 1;
}

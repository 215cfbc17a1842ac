/* Eight threads that open at the same time, half of whose calls fail; signals restart what they interrupt. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *work(void *number) {
  for (int i = 0; i < 200; i++) {
    char name[64];
    sprintf(name, "thread-%ld-%d", (long)number, i);
    close(open(name, i % 2 ? O_RDONLY : O_RDONLY | O_CREAT, 0600));
  }
  return 0;
}

int main(void) {
  pthread_t threads[8];
  for (long i = 0; i < 8; i++) pthread_create(&threads[i], 0, work, (void *)i);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
  return 0;
}

#include <signal.h>
#include <unistd.h>

static void end(int signal_number) {
  (void)signal_number;
  _exit(0);
}

/* Waits until it is told to end. As process 1 it has no default signal actions, hence the handlers. */
int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  for (;;) pause();
}

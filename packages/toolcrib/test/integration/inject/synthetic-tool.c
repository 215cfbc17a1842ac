#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TOOL_VERSION
#define TOOL_VERSION 1
#endif

extern char **environ;

/* Copies stdin to stdout until it ends. */
static int cat(void) {
  static char buffer[65536];
  for (;;) {
    ssize_t size = read(0, buffer, sizeof buffer);
    if (size <= 0) return size < 0;
    for (ssize_t done = 0; done < size;) {
      ssize_t written = write(1, buffer + done, (size_t)(size - done));
      if (written < 0) return 1;
      done += written;
    }
  }
}

/* The smallest tool that keeps the contract of health checks, with what a test of bridging needs. */
int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "version")) return printf("synthetic v%d\n", TOOL_VERSION) < 0;
  if (!strcmp(mode, "healthcheck") && argc == 4)
    return printf("{\"tool\":\"synthetic\",\"version\":%d,\"nonce\":\"%s\"}\n", TOOL_VERSION, argv[3]) < 0;
  if (!strcmp(mode, "patient") && argc == 5) {
    while (access(argv[2], F_OK)) usleep(10000);
    return printf("{\"tool\":\"synthetic\",\"version\":%d,\"nonce\":\"%s\"}\n", TOOL_VERSION, argv[4]) < 0;
  }
  if (!strcmp(mode, "fail")) return fputs("the tool is broken\n", stderr), 3;
  if (!strcmp(mode, "cat")) return cat();
  if (!strcmp(mode, "exit") && argc == 3) return atoi(argv[2]);
  if (!strcmp(mode, "both")) return fputs("to stdout", stdout), fputs("to stderr", stderr), 0;
  if (!strcmp(mode, "uid")) return printf("%d\n", (int)getuid()) < 0;
  if (!strcmp(mode, "cwd")) {
    char path[4096];
    return puts(getcwd(path, sizeof path) ? path : "?") < 0;
  }
  if (!strcmp(mode, "env")) {
    for (char **entry = environ; *entry; entry++) printf("%s%c", *entry, 0);
    return 0;
  }
  return 2;
}

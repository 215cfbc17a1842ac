/* Records on stdin and stdout, and the one line on stderr that says why the program failed. */
#include "helper.h"

static size_t put_number(char *at, long number) {
  char digits[20];
  size_t count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  for (size_t index = 0; index < count; index++) at[index] = digits[count - 1 - index];
  return count;
}

/* Takes away what was begun, then says a word and an error number: 0 when the program itself found out. */
_Noreturn void fail(const char *what, long error) {
  char line[64];
  size_t length = 0;
  remove_unfinished();
  for (; what[length] != 0 && length < 40; length++) line[length] = what[length];
  line[length++] = ' ';
  length += put_number(line + length, error < 0 ? -error : error);
  line[length++] = '\n';
  kernel_write(2, line, length);
  kernel_exit(1);
}

void require_done(const char *what, long result) {
  if (result < 0) fail(what, result);
}

void send_bytes(const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0) {
    long written = kernel_write(1, at, size);
    if (written == -EINTR) continue;
    require_done("output", written);
    at += written;
    size -= (size_t)written;
    kernel_alarm(PATIENCE);
  }
}

/* Content may be absent: whoever calls sends it then. */
void send(const struct record *record, const char *path, const void *content, size_t size) {
  struct record header = *record;
  header.path_length = (uint32_t)length_of(path);
  send_bytes(&header, sizeof header);
  send_bytes(path, header.path_length);
  send_bytes(content, size);
}

void send_record(uint32_t kind) {
  const struct record record = {.kind = kind};
  send(&record, "", "", 0);
}

/* The end of the input, before it is due, means that nobody waits any more. */
void receive_bytes(void *bytes, size_t size) {
  char *at = bytes;
  while (size > 0) {
    long got = kernel_read(0, at, size);
    if (got == -EINTR) continue;
    if (got <= 0) fail("input", got);
    at += got;
    size -= (size_t)got;
    kernel_alarm(PATIENCE);
  }
}

struct record receive(char path[MAX_PATH]) {
  struct record record;
  receive_bytes(&record, sizeof record);
  if (record.path_length >= MAX_PATH) fail("input", ENAMETOOLONG);
  receive_bytes(path, record.path_length);
  path[record.path_length] = 0;
  if (length_of(path) != record.path_length) fail("input", EINVAL);
  return record;
}

/* Waits for the word of who started the program, and has judged what it was told. */
void await_go(void) {
  char path[MAX_PATH];
  if (receive(path).kind != 'g') fail("input", EINVAL);
}

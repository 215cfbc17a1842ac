/* Texts that name files: nothing here asks the kernel. */
#include "helper.h"

size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

bool is_same(const char *one, const char *other) {
  while (*one != 0 && *one == *other) one++, other++;
  return *one == *other;
}

/* One component that leads down: not empty, not `.` or `..`. */
bool is_name(const char *text, size_t length) {
  if (length == 0 || length > 255) return false;
  for (size_t index = 0; index < length; index++)
    if (text[index] == '/' || text[index] == 0) return false;
  return !(text[0] == '.' && (length == 1 || (length == 2 && text[1] == '.')));
}

static size_t component_length(const char *path) {
  size_t length = 0;
  while (path[length] != 0 && path[length] != '/') length++;
  return length;
}

/* Names with single slashes between them, not too deep. */
bool is_path_below(const char *path) {
  for (int depth = 0; depth < MAX_DEPTH; depth++) {
    size_t length = component_length(path);
    if (!is_name(path, length)) return false;
    if (path[length] == 0) return true;
    path += length + 1;
  }
  return false;
}

/* Whether a link of the tree, followed, would leave it; both are relative to the tree, or the target is absolute. */
bool leads_outside(const char *link, const char *target) {
  int depth = 0;
  if (*target == 0 || *target == '/') return true;
  for (; *link != 0; link++) depth += *link == '/';
  for (;;) {
    size_t length = component_length(target);
    if (length == 2 && target[0] == '.' && target[1] == '.') depth--;
    else if (length > 0 && !(length == 1 && target[0] == '.')) depth++;
    if (depth < 0) return true;
    if (target[length] == 0) return false;
    target += length + 1;
  }
}

const char *last_name(const char *path) {
  const char *name = path;
  for (; *path != 0; path++)
    if (*path == '/') name = path + 1;
  return name;
}

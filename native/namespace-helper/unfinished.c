/* What is taken away again when the program fails: the tree that was begun, and the directories above it. */
#include "helper.h"

static struct {
  int directory;
  const char *name;
} made[MAX_DEPTH], staging;
static size_t made_count;

void remember_made(int directory, const char *name) {
  if (made_count == MAX_DEPTH) fail("path", ENAMETOOLONG);
  made[made_count].directory = directory;
  made[made_count++].name = name;
}

void remember_staging(int directory, const char *name) {
  staging.directory = directory;
  staging.name = name;
}

void forget_unfinished(void) {
  made_count = 0;
  staging.name = NULL;
}

/* Best effort: a directory above the tree stays when somebody else has put something into it. */
void remove_unfinished(void) {
  const char *name = staging.name;
  staging.name = NULL;
  if (name != NULL) remove_entry(staging.directory, name, 0);
  for (; made_count > 0; made_count--)
    kernel_unlinkat(made[made_count - 1].directory, made[made_count - 1].name, AT_REMOVEDIR);
}

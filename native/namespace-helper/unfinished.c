/* What is taken away again when the program fails: the tree that was begun, or mounted, and the directories above it. */
#include "helper.h"

static struct {
  int directory;
  const char *name;
} made[MAX_DEPTH], staging;
static size_t made_count;
static int mounted = -1;
static const char *given;

void remember_made(int directory, const char *name) {
  if (made_count == MAX_DEPTH) fail("path", ENAMETOOLONG);
  made[made_count].directory = directory;
  made[made_count++].name = name;
}

void remember_mount(int mount) { mounted = mount; }

void remember_staging(int directory, const char *name) {
  staging.directory = directory;
  staging.name = name;
}

/* The name that the tree has got since. */
void remember_name(const char *name) { given = name; }

void forget_unfinished(void) {
  made_count = 0;
  mounted = -1;
  staging.name = given = NULL;
}

/*
 * Best effort: a directory above the tree stays when somebody else has put something into it. A tree that has its name
 * loses that first, so that nothing half taken away has it.
 */
void remove_unfinished(void) {
  const char *name = staging.name, *named = given;
  staging.name = given = NULL;
  if (mounted >= 0) detach(mounted);
  mounted = -1;
  if (named != NULL) kernel_rename(staging.directory, named, name);
  if (name != NULL) remove_entry(staging.directory, name, 0);
  if (named != NULL) remove_entry(staging.directory, named, 0);
  for (; made_count > 0; made_count--)
    kernel_unlinkat(made[made_count - 1].directory, made[made_count - 1].name, AT_REMOVEDIR);
}

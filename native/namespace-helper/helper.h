/* What the parts of the program share. */
#ifndef HELPER_H
#define HELPER_H

#include "kernel.h"

#define MAX_PATH 4096

/* Components of a path below a tree: as many as the archives of tools may have (packages/toolcrib/src/tar/path.ts). */
#define MAX_DEPTH 128
#define MAX_ENTRIES 65536

#define DIRECTORY_MODE 0755u

/* The seconds in which something has to move; then SIGALRM ends the program. */
#define PATIENCE 60

/*
 * Everything that goes in and out, in the byte order of the machine: this, then the path, then `size` bytes of a file
 * or of the target of a link. Kinds: o opened, g go on, d directory, f file, l link, x anything else, n nothing, e end.
 */
struct record {
  uint32_t kind;
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  uint64_t size;
  uint64_t device; /* major in the upper half */
  uint64_t inode;
  uint64_t mount;
  uint64_t file_system; /* f_type of statfs(2) */
  uint32_t mount_flags; /* f_flags of statfs(2) */
  uint32_t path_length;
};
_Static_assert(sizeof(struct record) == 64, "the record has no gaps");

/* messages.c */
_Noreturn void fail(const char *what, long error);
void require_done(const char *what, long result);
void send_record(uint32_t kind);
void send(const struct record *record, const char *path, const void *content, size_t size);
void send_bytes(const void *bytes, size_t size);
void receive_bytes(void *bytes, size_t size);
struct record receive(char path[MAX_PATH]);
void await_go(void);

/* names.c */
size_t length_of(const char *text);
bool is_same(const char *one, const char *other);
bool is_name(const char *text, size_t length);
bool is_path_below(const char *path);
bool leads_outside(const char *link, const char *target);
const char *last_name(const char *path);

/* walk.c */
int open_below(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
struct record examine(int fd);
int walk(const char *path, const char **missing);
void require_same(int fd, int other);

/* unfinished.c: what fail() takes away again */
void remember_made(int directory, const char *name);
void remember_mount(int mount);
void remember_staging(int directory, const char *name);
void remember_name(const char *name);
void forget_unfinished(void);
void remove_unfinished(void);

/* mount.c */
void open_source(const char *base, const char *path, const char *empty);
void mount_source(const char *parent, const char *name);
bool is_mounted_by_us(int directory);
bool detach(int mount);

/* place.c, read.c, remove.c: what else the program is for */
int make_directory(int parent, const char *name, unsigned mode);
int make_missing(int fd, char *missing);
void place(const char *parent, const char *name, const char *staging);
void read_back(const char *path);
void send_tree(int directory);
void take_away(const char *parent, const char *name, const char *staging);
bool remove_entry(int directory, const char *name, int depth);

/* main.c: /proc/self/fd of the host's /proc, where a file is opened that was examined before */
extern int descriptors;

#define RESOLVE_HERE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

#endif

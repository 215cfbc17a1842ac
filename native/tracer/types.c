/*
 * The types of this kernel that the programs read, without the hundred thousand others: libbpf looks through all that it is
 * given for each structure, which was a sixth of what it takes to load the programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer.h"

/* Those of kernel.h from which something is read: without one of them, nothing is loaded. */
static const char *const wanted[] = {
    "dentry", "fdtable", "file", "files_struct", "fs_struct", "linux_binprm", "mount", "nsproxy", "pid", "pt_regs",
    "signal_struct", "task_struct", "upid", "vfsmount",
};

struct bytes {
  char *at;
  size_t size, room;
};

static struct bytes kernel, types, names;
static const struct btf_header *header;
/* By the number of a type: where it stands, and its number among those that are kept. */
static struct {
  uint32_t place, kept;
} *known;
static uint32_t known_count, kept_count, pointer;

static uint32_t append(struct bytes *bytes, const void *more, size_t size) {
  if (bytes->size + size > bytes->room) {
    bytes->room = 2 * bytes->room + size + 4096;
    bytes->at = realloc(bytes->at, bytes->room);
    if (bytes->at == NULL) fail("memory", ENOMEM);
  }
  memcpy(bytes->at + bytes->size, more, size);
  bytes->size += size;
  return (uint32_t)(bytes->size - size);
}

static const struct btf_type *type_at(uint32_t place) {
  return (const void *)(kernel.at + header->hdr_len + header->type_off + place);
}

static const char *name_at(uint32_t offset) { return kernel.at + header->hdr_len + header->str_off + offset; }

/* Bytes behind the head of a type; negative when this kernel has a kind of types that is newer than this program. */
static long size_behind(const struct btf_type *type) {
  long count = BTF_INFO_VLEN(type->info);
  switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_INT: case BTF_KIND_VAR: case BTF_KIND_DECL_TAG: return 4;
    case BTF_KIND_ARRAY: return sizeof(struct btf_array);
    case BTF_KIND_STRUCT: case BTF_KIND_UNION: return count * (long)sizeof(struct btf_member);
    case BTF_KIND_ENUM: return count * (long)sizeof(struct btf_enum);
    case BTF_KIND_ENUM64: case BTF_KIND_DATASEC: return count * 12;
    case BTF_KIND_FUNC_PROTO: return count * (long)sizeof(struct btf_param);
    case BTF_KIND_PTR: case BTF_KIND_FWD: case BTF_KIND_TYPEDEF: case BTF_KIND_VOLATILE: case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT: case BTF_KIND_FUNC: case BTF_KIND_FLOAT: case BTF_KIND_TYPE_TAG: return 0;
    default: return -1;
  }
}

/* Kernels before 6.16 have no such map. */
static bool map_file(int file) {
  kernel.at = mmap(NULL, kernel.room, PROT_READ, MAP_PRIVATE, file, 0);
  if (kernel.at == MAP_FAILED) return false;
  kernel.size = kernel.room;
  return true;
}

static void read_file(int file) {
  kernel.at = mmap(NULL, kernel.room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (kernel.at == MAP_FAILED) fail("memory", errno);
  for (ssize_t size; (size = read(file, kernel.at + kernel.size, kernel.room - kernel.size)) > 0;)
    kernel.size += (size_t)size;
}

static bool read_from(int file) {
  struct stat status;
  if (fstat(file, &status) != 0 || status.st_size == 0) return false;
  kernel.room = (size_t)status.st_size;
  if (!map_file(file)) read_file(file);
  return true;
}

static bool read_kernel(void) {
  int file = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool is_read = read_from(file);
  close(file);
  if (!is_read) return false;
  header = (const void *)kernel.at;
  if (kernel.size < sizeof *header || header->magic != BTF_MAGIC || header->version != BTF_VERSION) return false;
  return (uint64_t)header->hdr_len + header->type_off + header->type_len <= kernel.size &&
         (uint64_t)header->hdr_len + header->str_off + header->str_len <= kernel.size;
}

/* Finds out where each type stands. */
static bool find_types(void) {
  known = calloc(header->type_len / sizeof(struct btf_type) + 2, sizeof *known);
  if (known == NULL) fail("memory", ENOMEM);
  for (uint32_t place = 0; place < header->type_len;) {
    known[++known_count].place = place;
    long behind = size_behind(type_at(place));
    if (behind < 0) return false;
    place += (uint32_t)sizeof(struct btf_type) + (uint32_t)behind;
  }
  return true;
}

static uint32_t keep_name(uint32_t offset) {
  if (offset == 0) return 0;
  const char *name = name_at(offset);
  return append(&names, name, strlen(name) + 1);
}

static uint32_t keep(uint32_t number);

static uint32_t keep_members(const struct btf_type *type) {
  struct btf_type head = *type;
  uint32_t count = BTF_INFO_VLEN(type->info);
  const struct btf_member *members = (const void *)(type + 1);
  struct btf_member *kept = calloc(count + 1, sizeof *kept);
  if (kept == NULL) fail("memory", ENOMEM);
  for (uint32_t index = 0; index < count; index++)
    kept[index] = (struct btf_member){keep_name(members[index].name_off), keep(members[index].type), members[index].offset};
  head.name_off = keep_name(type->name_off);
  append(&types, &head, sizeof head);
  append(&types, kept, count * sizeof *kept);
  free(kept);
  return ++kept_count;
}

static uint32_t keep_array(const struct btf_type *type) {
  struct btf_array array = *(const struct btf_array *)(type + 1);
  array.type = keep(array.type);
  array.index_type = keep(array.index_type);
  struct btf_type head = *type;
  append(&types, &head, sizeof head);
  append(&types, &array, sizeof array);
  return ++kept_count;
}

/* Where a pointer leads does not matter: what is read there is another structure. */
static uint32_t keep_pointer(void) {
  const struct btf_type type = {.info = BTF_KIND_PTR << 24};
  if (pointer != 0) return pointer;
  append(&types, &type, sizeof type);
  return pointer = ++kept_count;
}

static uint32_t keep_simple(const struct btf_type *type) {
  struct btf_type head = *type;
  head.name_off = keep_name(type->name_off);
  append(&types, &head, sizeof head);
  append(&types, type + 1, (size_t)size_behind(&head));
  return ++kept_count;
}

static uint32_t keep_new(const struct btf_type *type) {
  switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_STRUCT: case BTF_KIND_UNION: return keep_members(type);
    case BTF_KIND_ARRAY: return keep_array(type);
    case BTF_KIND_PTR: return keep_pointer();
    case BTF_KIND_TYPEDEF: case BTF_KIND_CONST: case BTF_KIND_VOLATILE: case BTF_KIND_RESTRICT: case BTF_KIND_TYPE_TAG:
      return keep(type->type);
    case BTF_KIND_ENUM: case BTF_KIND_ENUM64: {
      struct btf_type bare = *type;
      bare.info &= ~0xffffu; /* its size counts, its names do not */
      return keep_simple(&bare);
    }
    default: return keep_simple(type);
  }
}

/* @return its number among those that are kept. */
static uint32_t keep(uint32_t number) {
  if (number == 0 || number > known_count) return 0;
  if (known[number].kept == 0) known[number].kept = keep_new(type_at(known[number].place));
  return known[number].kept;
}

static bool is_wanted(const struct btf_type *type) {
  if (BTF_INFO_KIND(type->info) != BTF_KIND_STRUCT) return false;
  const char *name = name_at(type->name_off);
  for (size_t index = 0; index < sizeof wanted / sizeof *wanted; index++)
    if (strcmp(wanted[index], name) == 0) return true;
  return false;
}

static int write_kept(void) {
  int file = memfd_create("types", MFD_CLOEXEC);
  const struct btf_header head = {
      .magic = BTF_MAGIC,
      .version = BTF_VERSION,
      .hdr_len = sizeof head,
      .type_len = (uint32_t)types.size,
      .str_off = (uint32_t)types.size,
      .str_len = (uint32_t)names.size,
  };
  if (file < 0) return -1;
  bool is_written = write(file, &head, sizeof head) == sizeof head &&
                    write(file, types.at, types.size) == (ssize_t)types.size &&
                    write(file, names.at, names.size) == (ssize_t)names.size;
  if (is_written) return file;
  close(file);
  return -1;
}

/* @return a file with them, as the kernel gives its own; -1 when libbpf has to look through all of them. */
int extract_types(void) {
  int file = -1;
  append(&names, "", 1);
  if (read_kernel() && find_types()) {
    for (uint32_t number = 1; number <= known_count; number++)
      if (is_wanted(type_at(known[number].place))) keep(number);
    file = write_kept();
  }
  free(known);
  if (kernel.at != NULL) munmap(kernel.at, kernel.room);
  free(types.at);
  free(names.at);
  return file;
}

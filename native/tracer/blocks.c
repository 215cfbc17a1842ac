/* Blocks of records: see stream.h. What cannot be written yet waits in memory, up to a limit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "tracer.h"

enum { BLOCK_ROOM = 1 << 16, QUEUE_LIMIT = 1 << 26 };

struct block {
  struct block *next;
  size_t size, sent;
  size_t room;
  unsigned char bytes[];
};

struct block_queue {
  int descriptor;
  uint32_t number;
  size_t waiting;
  struct block *open, *first, **last;
  bool is_gone; /* nobody reads it any more */
};

struct block_queue stream_queue = {.descriptor = STREAM, .last = &stream_queue.first};
static struct block_queue control_queue = {.descriptor = CONTROL, .last = &control_queue.first};

/* Makes room for a record of that size, in the open block or in a new one. */
void begin_record(struct block_queue *queue, uint32_t size) {
  if (queue->open != NULL && queue->open->size + size > queue->open->room) flush_block(queue);
  if (queue->open != NULL) return;
  size_t room = sizeof(struct block_header) + (size > BLOCK_ROOM ? size : BLOCK_ROOM);
  queue->open = malloc(sizeof(struct block) + room);
  if (queue->open == NULL) fail("memory", ENOMEM);
  *queue->open = (struct block){.size = sizeof(struct block_header), .room = room};
}

void add(struct block_queue *queue, const void *bytes, uint32_t size) {
  memcpy(queue->open->bytes + queue->open->size, bytes, size);
  queue->open->size += size;
}

/* Closes the open block: it may be sent. */
void flush_block(struct block_queue *queue) {
  struct block *block = queue->open;
  if (block == NULL) return;
  queue->open = NULL;
  uint32_t size = (uint32_t)(block->size - sizeof(struct block_header));
  const struct block_header header = {
      .magic = BLOCK_MAGIC,
      .size = size,
      .number = queue->number++,
      .sum = (uint32_t)crc32(0, block->bytes + sizeof(struct block_header), size),
  };
  memcpy(block->bytes, &header, sizeof header);
  *queue->last = block;
  queue->last = &block->next;
  queue->waiting += block->size;
}

bool is_full(const struct block_queue *queue) { return queue->waiting > QUEUE_LIMIT; }

bool has_blocks(const struct block_queue *queue) { return queue->first != NULL; }

static void drop_first(struct block_queue *queue) {
  struct block *block = queue->first;
  queue->first = block->next;
  if (queue->first == NULL) queue->last = &queue->first;
  queue->waiting -= block->size;
  free(block);
}

/* Writes what goes without waiting. */
void send_blocks(struct block_queue *queue) {
  while (queue->first != NULL) {
    struct block *block = queue->first;
    ssize_t written = queue->is_gone ? (ssize_t)(block->size - block->sent)
                                     : write(queue->descriptor, block->bytes + block->sent, block->size - block->sent);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) queue->is_gone = true;
    else block->sent += (size_t)written;
    if (block->sent == block->size) drop_first(queue);
  }
}

/* Tells something on the control descriptor. It is little: whoever does not read it at all has lost it. */
void tell(const void *record, uint32_t size, const void *more, uint32_t more_size) {
  struct record_header header;
  memcpy(&header, record, sizeof header);
  header.size = size + more_size;
  begin_record(&control_queue, header.size);
  add(&control_queue, &header, sizeof header);
  add(&control_queue, (const char *)record + sizeof header, size - (uint32_t)sizeof header);
  if (more_size > 0) add(&control_queue, more, more_size);
  flush_block(&control_queue);
  send_blocks(&control_queue);
}

/* Whether all that was told has gone out to somebody. */
bool is_told(void) { return !control_queue.is_gone && control_queue.first == NULL; }

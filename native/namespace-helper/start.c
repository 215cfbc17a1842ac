/* Where the kernel starts the program, and the functions that compilers call by themselves. */
#include "kernel.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call begin\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl begin\n");
#endif

_Noreturn void begin(const long *stack);
_Noreturn void run(int count, const char *const *arguments);

/* The stack of a new process: the count of arguments, then pointers to them. The environment behind is not read. */
_Noreturn void begin(const long *stack) { run((int)stack[0], (const char *const *)(stack + 1)); }

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *target = to;
  const unsigned char *source = from;
  while (size-- > 0) *target++ = *source++;
  return to;
}

void *memset(void *at, int value, size_t size) {
  unsigned char *target = at;
  while (size-- > 0) *target++ = (unsigned char)value;
  return at;
}

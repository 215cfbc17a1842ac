/* Calls of 32 bits from a program of 64: their numbers mean other calls. Everything lies below 4 GB. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static long call32(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  __asm__ volatile("push %%rbp\n mov %7, %%rbp\n int $0x80\n pop %%rbp"
                   : "=a"(result)
                   : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "r"(f)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

enum { OPEN = 5, CREAT = 8, UNLINK = 10, EXECVE = 11, SOCKETCALL = 102, OPENAT = 295, SENDMMSG = 345, SOCKET = 359, CONNECT = 362, SENDTO = 369, SENDMSG = 370, OPENAT2 = 437 };

int main(void) {
  char *low = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  long at = (long)low;
  for (int i = 0; i < 50; i++) {
    memcpy(low, "file-00", 8);
    low[5] += i / 10;
    low[6] += i % 10;
    call32(CREAT, at, 0600, 0, 0, 0, 0);
    call32(OPEN, at, O_RDONLY, 0, 0, 0, 0);
    call32(OPENAT, AT_FDCWD, at, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    unsigned long long *how = (unsigned long long *)(low + 64);
    how[0] = O_RDONLY, how[1] = 0, how[2] = 0;
    call32(OPENAT2, AT_FDCWD, at, at + 64, 24, 0, 0);
    /* One of 64 bits in between. */
    syscall(257, AT_FDCWD, "native", O_RDONLY);
    call32(UNLINK, at, 0, 0, 0, 0, 0);
  }
  struct sockaddr_in *to = (struct sockaddr_in *)(low + 128);
  to->sin_family = AF_INET, to->sin_port = htons(9), to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int udp = call32(SOCKET, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);
  call32(SENDTO, udp, at, 4, 0, at + 128, 16);
  int *message = (int *)(low + 256), *part = (int *)(low + 320);
  part[0] = at, part[1] = 4;
  message[0] = at + 128, message[1] = 16, message[2] = at + 320, message[3] = 1;
  call32(SENDMSG, udp, at + 256, 0, 0, 0, 0);
  call32(SENDMMSG, udp, at + 256, 1, 0, 0, 0);
  call32(CONNECT, udp, at + 128, 16, 0, 0, 0);
  int *args = (int *)(low + 512);
  args[0] = udp, args[1] = at + 128, args[2] = 16;
  call32(SOCKETCALL, 3, at + 512, 0, 0, 0, 0);
  args[0] = udp, args[1] = at, args[2] = 4, args[3] = 0, args[4] = at + 128, args[5] = 16;
  call32(SOCKETCALL, 11, at + 512, 0, 0, 0, 0);
  args[0] = udp, args[1] = at + 256, args[2] = 0;
  call32(SOCKETCALL, 16, at + 512, 0, 0, 0, 0);
  memcpy(low, "/no/such/program", 17);
  call32(EXECVE, at, 0, 0, 0, 0, 0);
  memcpy(low, "/bin/true", 10);
  int *words = (int *)(low + 640);
  words[0] = at;
  call32(EXECVE, at, at + 640, 0, 0, 0, 0);
  return 1;
}

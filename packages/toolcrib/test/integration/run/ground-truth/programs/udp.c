/* Datagrams over IPv4 and IPv6 without connect: sendto, sendmsg and sendmmsg, each message with an address of its own. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_in four(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  return to;
}

static struct sockaddr_in6 six(int port) {
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
  return to;
}

int main(void) {
  int s4 = socket(AF_INET, SOCK_DGRAM, 0), s6 = socket(AF_INET6, SOCK_DGRAM, 0), su = socket(AF_UNIX, SOCK_DGRAM, 0);
  for (int port = 20001; port <= 20040; port++) {
    struct sockaddr_in to4 = four(port);
    struct sockaddr_in6 to6 = six(port);
    struct iovec part = {"message", 7};
    struct msghdr message = {.msg_name = &to6, .msg_namelen = sizeof to6, .msg_iov = &part, .msg_iovlen = 1};
    sendto(s4, "message", 7, 0, (struct sockaddr *)&to4, sizeof to4);
    sendto(s6, "message", 7, 0, (struct sockaddr *)&to6, sizeof to6);
    sendmsg(s6, &message, 0);
    struct sockaddr_in many[8];
    struct mmsghdr messages[8];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 8; i++) {
      many[i] = four(port + 100 + i);
      messages[i].msg_hdr = message;
      messages[i].msg_hdr.msg_name = &many[i];
      messages[i].msg_hdr.msg_namelen = sizeof many[i];
    }
    sendmmsg(s4, messages, 8, 0);
  }
  /* No address, one of the wrong family, one that cannot be read, and a name of a Unix socket that nobody has. */
  struct sockaddr_in6 wrong = six(1);
  sendto(s4, "m", 1, 0, 0, 0);
  sendto(s4, "m", 1, 0, (struct sockaddr *)&wrong, sizeof wrong);
  sendto(s4, "m", 1, 0, (struct sockaddr *)8, 16);
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "no such socket"};
  sendto(su, "m", 1, 0, (struct sockaddr *)&path, sizeof path);
  path.sun_path[0] = 0;
  sendto(su, "m", 1, 0, (struct sockaddr *)&path, 12);
  return 0;
}

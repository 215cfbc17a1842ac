/* Connections over IPv6, to ports that nobody listens at, and one that is answered; mapped and link-local addresses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void try(const char *address, int port) {
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, address, &to.sin6_addr);
  int s = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(s, (struct sockaddr *)&to, sizeof to);
  close(s);
}

int main(void) {
  static const char *addresses[] = {"::1", "::ffff:127.0.0.1", "fe80::1", "2001:db8::1:0:0:1", "2001:db8:0:1::", "::"};
  for (int i = 0; i < 6; i++)
    for (int port = 1; port <= 5; port++) try(addresses[i], port);
  int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
  /* A fixed port: both runs connect to the same. */
  struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(20999), .sin6_addr = in6addr_loopback};
  int one = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  bind(server, (struct sockaddr *)&here, sizeof here);
  listen(server, 1);
  connect(client, (struct sockaddr *)&here, sizeof here);
  struct sockaddr_in6 short_one = here;
  connect(client, (struct sockaddr *)&short_one, 8);
  connect(client, 0, 0);
  connect(client, (struct sockaddr *)16, sizeof here);
  struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  connect(client, &nothing, sizeof nothing);
  return 0;
}

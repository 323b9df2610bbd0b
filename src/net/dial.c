/*-------------------------------------------------------------------------
 *
 * dial.c
 *		From a name to a connection: where it may lead, and what it holds.
 *
 *-------------------------------------------------------------------------
 */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/descriptors.h"
#include "net/url.h"

/*
 * Two by which libcurl's thread signals that it has resolved a name, and one
 * for IPv4 beside IPv6.
 */
#define DESCRIPTORS_TO_CONNECT 3

/*-------------------------------------------------------------------------
 * Proxies
 *-------------------------------------------------------------------------
 */

/* The proxy that libcurl finds in the environment for https, or NULL. */
static const char *
proxy_of_environment(void)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return value;
	}
	return NULL;
}

/* The URL's host, without brackets, and its port; 0: that of the scheme is not known. */
static void
host_and_port(const char *url, char *host, size_t host_size, unsigned *port)
{
	CURLU *parsed = curl_url();
	char *text = NULL;

	host[0] = '\0';
	*port = 0;
	if (parsed != NULL &&
		curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) ==
			CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_HOST, &text, 0) == CURLUE_OK)
	{
		size_t length = strlen(text);
		bool bracketed = length > 2 && text[0] == '[';

		snprintf(host, host_size, "%.*s", (int) (bracketed ? length - 2 : length),
				 bracketed ? text + 1 : text);
		curl_free(text);
		text = NULL;
		if (curl_url_get(parsed, CURLUPART_PORT, &text, 0) == CURLUE_OK)
			*port = (unsigned) strtoul(text, NULL, 10);
		else if (strncasecmp(url, "https://", 8) == 0)
			*port = 443;
	}
	curl_free(text);
	curl_url_cleanup(parsed);
}

/* Note host and port of a proxy, with libcurl's defaults. */
static void
note_proxy(Dial *dial, const char *proxy)
{
	host_and_port(proxy, dial->proxy_host, sizeof(dial->proxy_host), &dial->proxy_port);
	if (dial->proxy_port == 0)
		dial->proxy_port = 1080;
}

/* Before 7.69 libcurl talks to such a proxy in one call, however long that takes. */
static bool
blocks_at_proxy(const char *proxy)
{
	return strncasecmp(proxy, "socks", 5) == 0 &&
		   curl_version_info(CURLVERSION_NOW)->version_num < 0x074500;
}

/* May this be the proxy's address?  A proxy may be on this machine. */
static bool
is_proxy(const Dial *dial, const struct sockaddr *address, const char *text)
{
	unsigned char bytes[16];

	if (dial->proxy_host[0] == '\0' || dial->proxy_port != address_port(address))
		return false;
	/*
	 * A name may stand for any address.  But the host of the URL may be one
	 * to which libcurl goes without the proxy (no_proxy), and only the port
	 * tells the two apart.
	 */
	return strcmp(dial->proxy_host, text) == 0 ||
		   (dial->port != dial->proxy_port && inet_pton(AF_INET, dial->proxy_host, bytes) != 1 &&
			inet_pton(AF_INET6, dial->proxy_host, bytes) != 1);
}

/*-------------------------------------------------------------------------
 * libcurl's callbacks
 *-------------------------------------------------------------------------
 */

static int
resolver_starts(void *resolver, void *reserved, void *dial_pointer)
{
	Dial *dial = dial_pointer;

	dial->resolving = true;
	return dial->given_up ? 1 : 0;
}

static int
new_socket(int family, int type, int protocol)
{
#ifdef SOCK_CLOEXEC
	return socket(family, type | SOCK_CLOEXEC, protocol);
#else
	int descriptor = socket(family, type, protocol);

	if (descriptor >= 0)
		fcntl(descriptor, F_SETFD, FD_CLOEXEC);
	return descriptor;
#endif
}

/* May the transfer lead there?  If not, that is noted. */
static bool
is_allowed(Dial *dial, const struct sockaddr *address)
{
	AddressKind kind = address_kind(address);
	char text[64];

	address_format(address, text, sizeof(text));
	if ((kind == ADDRESS_LOOPBACK || !dial->loopback_only) &&
		(kind == ADDRESS_ORDINARY || dial->local_allowed || is_proxy(dial, address, text)))
		return true;
	dial->refused_kind = kind;
	memcpy(dial->refused, text, sizeof(text));
	return false;
}

/* Likewise for an address as it is written; what is a name may be used. */
static bool
may_use_address(Dial *dial, const char *text, long port)
{
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };

	ipv4.sin_port = ipv6.sin6_port = htons((unsigned short) port);
	/* Before 7.77 libcurl leaves a single number as it is. */
	if (inet_aton(text, &ipv4.sin_addr) != 0)
		return is_allowed(dial, (const struct sockaddr *) &ipv4);
	if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
		return is_allowed(dial, (const struct sockaddr *) &ipv6);
	return true;
}

static curl_socket_t
open_socket(void *dial_pointer, curlsocktype purpose, struct curl_sockaddr *address)
{
	Dial *dial = dial_pointer;
	int descriptor;

	dial->resolving = false;
	if (dial->given_up || !is_allowed(dial, &address->addr))
		return CURL_SOCKET_BAD;
	descriptor = new_socket(address->family, address->socktype, address->protocol);
	if (descriptor < 0)
	{
		dial->out_of_descriptors = errno == EMFILE || errno == ENFILE;
		return CURL_SOCKET_BAD;
	}
	dial->sockets++;
	descriptors_count(1);
	return descriptor;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* Called for a reused connection, too, before anything is sent. */
static int
judge_connection(void *dial_pointer, char *address, char *local_address, int port, int local_port)
{
	return may_use_address(dial_pointer, address, port) ? CURL_PREREQFUNC_OK
														: CURL_PREREQFUNC_ABORT;
}
#endif

/* The connection may have outlived the transfer, and be closed by another thread. */
static int
close_socket(void *nothing, curl_socket_t descriptor)
{
	descriptors_count(-1);
	return close(descriptor);
}

/*-------------------------------------------------------------------------
 * For requests
 *-------------------------------------------------------------------------
 */

/*
 * Before 7.87 libcurl waits for the thread that resolves a name, however long
 * that takes, when the transfer is ended.
 */
static bool
may_leave_resolver(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#else
	return false;
#endif
}

bool
dial_begin(Dial *dial, CURL *easy, const char *url, const char *proxy, bool local_allowed)
{
	char host[256];
	bool ok = true;

	dial->local_allowed = local_allowed;
	dial->loopback_only = strncasecmp(url, "http:", 5) == 0;
	if (proxy == NULL)
		proxy = proxy_of_environment();
	if (proxy != NULL && proxy[0] != '\0')
	{
		note_proxy(dial, proxy);
		dial->would_block = blocks_at_proxy(proxy) && !url_is_loopback(url);
	}
	ok &= !dial->would_block;
	host_and_port(url, host, sizeof(host), &dial->port);
	/* A proxy would get it unseen. */
	ok &= may_use_address(dial, host, dial->port);
	dial->joins_resolver = !may_leave_resolver(easy);
	ok &= curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, resolver_starts) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, dial) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, dial) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, NULL) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075000
	ok &= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, judge_connection) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_PREREQDATA, dial) == CURLE_OK;
#endif
	dial->reserved = DESCRIPTORS_TO_CONNECT;
	descriptors_count(dial->reserved);
	return ok;
}

void
dial_end(Dial *dial)
{
	dial->resolving = false;
	descriptors_count(-dial->reserved);
	dial->reserved = 0;
}

bool
dial_would_wait(const Dial *dial)
{
	return dial->resolving && dial->joins_resolver;
}

bool
dial_may_use_connection(Dial *dial, CURL *easy)
{
	char *text = NULL;
	long port = 0;

	if (dial->sockets > 0)
		return true;
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &text);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
	return text == NULL || may_use_address(dial, text, port);
}

bool
dial_was_refused(const Dial *dial, char *reason, size_t size)
{
	if (dial->sockets > 0 ||
		(dial->refused[0] == '\0' && !dial->out_of_descriptors && !dial->would_block))
		return false;
	if (dial->would_block)
		snprintf(reason, size, "a SOCKS proxy needs libcurl 7.69 or later");
	else if (dial->out_of_descriptors)
		snprintf(reason, size,
				 "no file descriptor was left for a connection (see max_files_per_process and "
				 "ulimit -n)");
	else if (dial->loopback_only && dial->refused_kind != ADDRESS_LOOPBACK)
		snprintf(reason, size, "%s is not a loopback address, and plain http goes only to those",
				 dial->refused);
	else
		snprintf(reason, size,
				 "%s is %s %s address, to which only an endpoint on loopback may lead",
				 dial->refused, dial->refused_kind == ADDRESS_UNSPECIFIED ? "an" : "a",
				 address_kind_name(dial->refused_kind));
	return true;
}

/*-------------------------------------------------------------------------
 *
 * fuzz_response.c
 *		Fuzz a whole exchange: net/ and libcurl are answered with the input, head
 *		and body, and what is read of the headers is read as it would be.
 *
 * The first byte says what kind of request it is, the rest is the answer.
 * However wrong that is, the exchange ends, and what it leaves keeps what
 * request.h promises.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/descriptors.h"
#include "net/reactor.h"
#include "net/request.h"
#include "remote/message.h"
#include "remote/policy.h"
#include "stream/content_coding.h"

/* Looks at an exchange that ends at once; each waits for a second at most. */
#define MAX_LOOKS 1000

#define MAX_DECODED ((size_t) 16 * 1024 * 1024)

static int listener = -1;
static char url[64];

static void
listen_here(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT(bind(listener, (struct sockaddr *) &address, sizeof(address)) == 0 &&
			   listen(listener, 8) == 0 &&
			   getsockname(listener, (struct sockaddr *) &address, &size) == 0,
		   "no socket");
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/export", ntohs(address.sin_port));
}

/* The other side: takes the connection, says all it has to say, and no more. */
static int
answer(const uint8_t *data, size_t size)
{
	int peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (peer < 0)
		return -1;
	EXPECT(send(peer, data, size, MSG_NOSIGNAL) == (ssize_t) size, "an answer of %zu bytes", size);
	shutdown(peer, SHUT_WR);
	return peer;
}

/* Without its address waiting for a minute, of which there are not so many. */
static void
hang_up(int peer)
{
	struct linger at_once = { 1, 0 };

	if (peer < 0)
		return;
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(peer);
}

static bool
is_over(const Request *request)
{
	return request_state(request) == REQUEST_DONE || request_state(request) == REQUEST_FAILED;
}

static void
exchange(Reactor *reactor, const Request *request, const uint8_t *data, size_t size)
{
	int peer = -1;
	int looks = 0;

	while (!is_over(request))
	{
		struct pollfd ready = { .fd = reactor_descriptor(reactor), .events = POLLIN };

		if (peer < 0)
			peer = answer(data, size);
		poll(&ready, 1, peer < 0 ? 1 : 1000);
		reactor_drive(reactor);
		EXPECT(++looks < MAX_LOOKS, "it goes on for ever, in state %d", request_state(request));
	}
	hang_up(peer);
}

static void
expect_text(const char *text, size_t size)
{
	EXPECT(memchr(text, '\0', size) != NULL, "a header without an end");
	EXPECT(strpbrk(text, "\r\n") == NULL, "a header of several lines");
}

static void
check_headers(const ResponseHeaders *headers)
{
	char shown[MESSAGE_MAX_TEXT];
	unsigned long long first;
	int64_t delay;

	expect_text(headers->retry_after, sizeof(headers->retry_after));
	expect_text(headers->request_id, sizeof(headers->request_id));
	expect_text(headers->etag, sizeof(headers->etag));
	expect_text(headers->location, sizeof(headers->location));
	expect_text(headers->content_range, sizeof(headers->content_range));
	expect_text(headers->content_encoding, sizeof(headers->content_encoding));
	EXPECT(headers->content_length >= -1, "a length of %lld", (long long) headers->content_length);

	delay = policy_retry_after(headers->retry_after, (int64_t) time(NULL));
	EXPECT(delay >= -1, "a delay of %lld", (long long) delay);
	(void) content_coding_by_name(headers->content_encoding);
	(void) sscanf(headers->content_range, "bytes %llu-", &first);
	message_printable(headers->request_id, strlen(headers->request_id), shown, sizeof(shown));
}

static void
check_result(const RequestOptions *options, const Request *request)
{
	RequestResult result;
	bool is_error;

	request_result(request, &result);
	check_headers(result.headers);
	EXPECT((result.state == REQUEST_FAILED) == (result.failure != REQUEST_FAILURE_NONE),
		   "failure %d in state %d", result.failure, result.state);
	if (result.state == REQUEST_FAILED)
		EXPECT(result.message[0] != '\0', "failure %d without a word", result.failure);
	else
		EXPECT(result.status >= 200 && result.status <= 999, "status %d", result.status);
	is_error =
		options->stream ? result.status != 200 && result.status != 206 : result.status >= 300;
	EXPECT(result.length <= (options->stream && !is_error ? MAX_DECODED : REQUEST_MAX_BODY),
		   "a body of %zu bytes for status %d", result.length, result.status);
	if (!options->decode)
		EXPECT(result.length <= request_bytes_received(request), "bytes that did not come");
	if (result.state == REQUEST_DONE && is_error)
	{
		char words[MESSAGE_MAX_TEXT];

		message_error_text(result.body, result.length, words, sizeof(words));
		(void) policy_body_kind(result.body, result.length);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RequestOptions options = { .method = "GET", .url = url, .proxy = "", .local = true };
	Reactor *reactor;
	Request *request;

	if (size == 0)
		return 0;
	if (listener < 0)
		listen_here();
	if (data[0] & 1)
	{
		options.method = "POST";
		options.body = "{}";
	}
	options.decode = data[0] & 2;
	options.stream = data[0] & 4;
	options.connect_timeout = options.response_timeout = options.stall_timeout = 10000;

	reactor = reactor_create();
	EXPECT(reactor != NULL, "no reactor");
	reactor_wait_begins(reactor);
	request = request_start(reactor, &options);
	EXPECT(request != NULL && request_state(request) == REQUEST_WAITING, "no request");
	exchange(reactor, request, data + 1, size - 1);
	check_result(&options, request);
	reactor_wait_ends(reactor);
	request_free(request);
	reactor_free(reactor);
	EXPECT(descriptors_held() == 0, "%d descriptors", descriptors_held());
	return 0;
}

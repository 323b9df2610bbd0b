/*-------------------------------------------------------------------------
 *
 * request.c
 *		One HTTP exchange in a reactor.
 *
 *-------------------------------------------------------------------------
 */
#include "net/request.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/curl_memory.h"
#include "net/dial.h"
#include "net/http_version.h"
#include "net/signals.h"
#include "net/tls_context.h"
#include "net/transfer.h"
#include "net/url.h"
#include "stream/content_coding.h"
#include "stream/crc32.h"

#define USER_AGENT "adsexport_fdw"

/* All lines before the body, including those of interim answers. */
#define MAX_HEAD ((size_t) 300 * 1024)

/*
 * libcurl hands over at most this much at a time, but may do so a hundred
 * times before it returns, which bounds what one call can bring in from a fast
 * connection.
 */
#define RECEIVE_BUFFER (32L * 1024)

/*
 * A proxy's answer to CONNECT may have this many bytes, of which the first few
 * in each drive do not count: so often libcurl may ask of any exchange.
 */
#define MAX_PROXY_ANSWER 16384
#define CALLS_PER_DRIVE 64

/* At most this much of a body waits to be read: more than one drive brings in. */
#define MAX_WAITING ((size_t) 16 * 1024 * 1024)

typedef struct Body
{
	char *data;
	size_t start; /* first byte that was not consumed */
	size_t end;
	size_t capacity;
} Body;

struct Request
{
	Transfer transfer; /* first, so that a pointer to it is one to the request */
	Dial dial;
	bool shares;    /* perhaps shares its connection */
	bool ownerless; /* freed, but its transfer was set aside */
	struct curl_slist *headers;
	RequestState state;
	RequestFailure failure;
	int failure_code;
	int os_error;
	bool by_proxy;
	int proxy_status;
	uint64_t drive;   /* of the reactor, in which libcurl last asked whether to go on */
	int calls;        /* how often it did in that drive */
	int proxy_answer; /* bytes */
	bool sent;        /* before there was too much of what proxy_answer counts */
	char failure_message[CURL_ERROR_SIZE];
	char error_buffer[CURL_ERROR_SIZE];
	int status;
	ResponseHeaders response;
	bool decode;
	bool stream;
	bool is_error; /* the status is not one of those that were asked for */
	bool is_cut;   /* of an error, as it is enough to judge it by */
	Body body;
	size_t head_bytes;
	ContentCoding coding; /* to be undone when the body is complete */
	uint64_t received;
	uint64_t expected_length;
	uint32_t checksum;

	/* Timeouts and their starts, in milliseconds of reactor_waited. */
	int connect_timeout;
	int response_timeout;
	int stall_timeout;
	int answer_timeout;
	int64_t started;
	int64_t answered; /* the head was complete */
	int64_t last_byte;
};

static void
fail(Request *request, RequestFailure failure, int code, const char *message)
{
	request->state = REQUEST_FAILED;
	request->failure = failure;
	request->failure_code = code;
	snprintf(request->failure_message, sizeof(request->failure_message), "%s", message);
}

/*-------------------------------------------------------------------------
 * libcurl's callbacks: they note what happened and never throw
 *-------------------------------------------------------------------------
 */

/* Make room for more bytes after the unconsumed ones. */
static bool
body_reserve(Body *body, size_t more)
{
	size_t used = body->end - body->start;
	size_t capacity = body->capacity;
	char *data;

	if (body->capacity - body->end >= more)
		return true;
	if (body->start > 0)
	{
		memmove(body->data, body->data + body->start, used);
		body->start = 0;
		body->end = used;
		if (body->capacity - body->end >= more)
			return true;
	}
	if (capacity == 0)
		capacity = (size_t) 16 * 1024;
	while (capacity - used < more)
		capacity *= 2;
	data = realloc(body->data, capacity);
	if (data == NULL)
		return false;
	body->data = data;
	body->capacity = capacity;
	return true;
}

static void
wipe(Body *body)
{
	if (body->data != NULL)
		explicit_bzero(body->data, body->capacity);
	free(body->data);
	memset(body, 0, sizeof(*body));
}

/* At most this much of the body is kept, as it comes. */
static size_t
max_body(const Request *request)
{
	return request->is_error || !request->stream ? REQUEST_MAX_BODY : MAX_WAITING;
}

static size_t
refuse_coding(Request *request)
{
	fail(request, REQUEST_FAILURE_BROKEN, CURLE_BAD_CONTENT_ENCODING,
		 "the answer is encoded in a way that was not asked for");
	return 0;
}

static size_t
receive_body(char *data, size_t size, size_t count, void *request_pointer)
{
	Request *request = request_pointer;
	size_t length = size * count;
	size_t kept = length;
	size_t have = request->body.end - request->body.start;
	size_t most = max_body(request);

	request->last_byte = reactor_waited(request->transfer.reactor);
	request->received += length;
	if (request->stream)
		request->checksum = stream_crc32(request->checksum, (const unsigned char *) data, length);
	if (request->coding == CODING_UNKNOWN)
	{
		/* An error is judged by its status alone. */
		request->is_cut = request->is_error;
		return request->is_error ? 0 : refuse_coding(request);
	}
	if (request->is_error)
		kept = length < most - have ? length : most - have;
	else if (have + length > most)
	{
		fail(request, REQUEST_FAILURE_TOO_LARGE, CURLE_FILESIZE_EXCEEDED,
			 request->stream ? "more came at once than can be kept"
							 : "the answer is longer than 64 kB");
		return 0;
	}
	if (kept == 0)
		return length;
	if (!body_reserve(&request->body, kept))
	{
		fail(request, REQUEST_FAILURE_SETUP, CURLE_OUT_OF_MEMORY, "out of memory");
		return 0;
	}
	memcpy(request->body.data + request->body.end, data, kept);
	request->body.end += kept;
	/* It may never end. */
	request->is_cut = request->is_error && have + kept == most;
	if (request->is_cut)
		return 0;
	return length;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Leave out what is blank at both ends. */
static const char *
trim(const char *text, size_t *length)
{
	while (*length > 0 && is_blank(*text))
	{
		text++;
		(*length)--;
	}
	while (*length > 0 && is_blank(text[*length - 1]))
		(*length)--;
	return text;
}

/* The value if the line is that header; else NULL. */
static const char *
header_value(const char *line, size_t length, const char *name, size_t *value_length)
{
	size_t name_length = strlen(name);

	if (length <= name_length || line[name_length] != ':' ||
		strncasecmp(line, name, name_length) != 0)
		return NULL;
	*value_length = length - name_length - 1;
	return trim(line + name_length + 1, value_length);
}

/*
 * If the line is that header, keep its value, cut to what fits.  As RFC 9110
 * (section 5.5) demands, what would end a line, or a string, becomes a space:
 * an ETag is sent back.
 */
static void
keep_header(const char *line, size_t length, const char *name, char *value, size_t value_size)
{
	const char *found = header_value(line, length, name, &length);

	if (found == NULL)
		return;
	if (length >= value_size)
		length = value_size - 1;
	for (size_t i = 0; i < length; i++)
		value[i] = found[i] == '\r' || found[i] == '\n' || found[i] == '\0' ? ' ' : found[i];
	value[length] = '\0';
}

/*
 * Is it Transfer-Encoding, with another coding than chunks?  libcurl undoes it,
 * asked or not, in one call however long that takes.
 */
static bool
is_other_transfer_coding(const char *line, size_t length)
{
	static const char chunked[] = "chunked";
	const char *value = header_value(line, length, "Transfer-Encoding", &length);

	return value != NULL && length > 0 &&
		   !(length == sizeof(chunked) - 1 && strncasecmp(value, chunked, length) == 0);
}

/* What the line, if it is Content-Encoding, adds to those before it. */
static void
note_coding(Request *request, const char *line, size_t length)
{
	const char *value = header_value(line, length, "Content-Encoding", &length);
	ContentCoding coding = CODING_UNKNOWN;
	char names[256];

	if (value == NULL)
		return;
	if (length < sizeof(names))
	{
		memcpy(names, value, length);
		names[length] = '\0';
		coding = content_coding_by_name(names);
	}
	if (coding != CODING_NONE)
		request->coding = request->coding == CODING_NONE ? coding : CODING_UNKNOWN;
}

static void
forget_headers(ResponseHeaders *response)
{
	memset(response, 0, sizeof(*response));
	response->content_length = -1;
}

static size_t
receive_header(char *data, size_t size, size_t count, void *request_pointer)
{
	Request *request = request_pointer;
	ResponseHeaders *response = &request->response;
	size_t length = size * count;

	request->last_byte = reactor_waited(request->transfer.reactor);
	dial_end(&request->dial);
	request->head_bytes += length;
	if (request->head_bytes > MAX_HEAD)
	{
		fail(request, REQUEST_FAILURE_TOO_LARGE, CURLE_FILESIZE_EXCEEDED,
			 "the head of the answer is longer than 300 kB");
		return 0;
	}
	if (is_other_transfer_coding(data, length))
		return refuse_coding(request);
	if (request->decode && request->state == REQUEST_WAITING)
		note_coding(request, data, length);
	if (length >= 5 && memcmp(data, "HTTP/", 5) == 0)
	{
		/* An interim answer's do not count. */
		forget_headers(response);
		request->coding = CODING_NONE;
	}
	else if (length <= 2 && (data[0] == '\r' || data[0] == '\n'))
	{
		long status = 0;
		curl_off_t content_length = -1;

		curl_easy_getinfo(request->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
		if (status < 200)
			return length;
		if (status > 999)
		{
			/* libcurl lets some of these through. */
			fail(request, REQUEST_FAILURE_BROKEN, CURLE_WEIRD_SERVER_REPLY,
				 "the answer has no HTTP status");
			return 0;
		}
		if (!dial_may_use_connection(&request->dial, request->transfer.easy))
			return 0;
		curl_easy_getinfo(request->transfer.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
						  &content_length);
		response->content_length = content_length;
		request->status = (int) status;
		request->answered = request->last_byte;
		request->is_error = request->stream ? status != 200 && status != 206 : status >= 300;
		request->state = REQUEST_RECEIVING;
	}
	else
	{
		keep_header(data, length, "Retry-After", response->retry_after,
					sizeof(response->retry_after));
		keep_header(data, length, "x-amz-request-id", response->request_id,
					sizeof(response->request_id));
		keep_header(data, length, "x-amzn-RequestId", response->request_id,
					sizeof(response->request_id));
		keep_header(data, length, "Location", response->location, sizeof(response->location));
		keep_header(data, length, "ETag", response->etag, sizeof(response->etag));
		keep_header(data, length, "Content-Range", response->content_range,
					sizeof(response->content_range));
		keep_header(data, length, "Content-Encoding", response->content_encoding,
					sizeof(response->content_encoding));
	}
	return length;
}

static bool
has_passed(CURL *easy, CURLINFO moment)
{
	curl_off_t microseconds = 0;

	return curl_easy_getinfo(easy, moment, &microseconds) == CURLE_OK && microseconds > 0;
}

/*
 * libcurl reads a proxy's answer to CONNECT byte by byte, for as long as there
 * is one to read, and only here asks whether to go on.  While an exchange just
 * waits, it asks a few times in each drive, however long that lasts.
 */
static int
may_go_on(void *request_pointer, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
		  curl_off_t sent)
{
	Request *request = request_pointer;
	uint64_t drive = reactor_drives(request->transfer.reactor);

	(void) to_receive;
	(void) received;
	(void) to_send;
	(void) sent;
	if (request->state != REQUEST_WAITING)
		return 0;
	if (request->drive != drive)
		request->calls = 0;
	request->drive = drive;
	if (request->calls < CALLS_PER_DRIVE)
		request->calls++;
	else
		request->proxy_answer++;
	if (request->proxy_answer <= MAX_PROXY_ANSWER)
		return 0;
	/* Or of frames of HTTP/2, after the request. Asked now, as a failure sets the time, too. */
	request->sent = has_passed(request->transfer.easy, CURLINFO_PRETRANSFER_TIME_T);
	return 1;
}

/*-------------------------------------------------------------------------
 * The end
 *-------------------------------------------------------------------------
 */

/*
 * Did the connection end before TLS was established?  Then neither side
 * rejected the other, but libcurl has no separate code for that; the words are
 * those of the TLS libraries.
 */
static bool
ended_in_handshake(CURLcode code, const char *message)
{
	static const char *const words[] = { "SSL_ERROR_SYSCALL",       "unexpected eof",
										 "Connection reset",        "Broken pipe",
										 "non-properly terminated", "Error in the pull function" };

	if (code != CURLE_SSL_CONNECT_ERROR)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(message, words[i]) != NULL)
			return true;
	return false;
}

static RequestFailure
classify(CURLcode code, const char *message)
{
	if (ended_in_handshake(code, message))
		return REQUEST_FAILURE_BROKEN;
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_RESOLVE_PROXY:
			return REQUEST_FAILURE_RESOLVE;
		case CURLE_COULDNT_CONNECT:
			return REQUEST_FAILURE_CONNECT;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
		case CURLE_SSL_CACERT_BADFILE:
			return REQUEST_FAILURE_TLS;
		case CURLE_OPERATION_TIMEDOUT:
			return REQUEST_FAILURE_TIMEOUT;
		case CURLE_URL_MALFORMAT:
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_OUT_OF_MEMORY:
		case CURLE_SSL_ENGINE_NOTFOUND:
			return REQUEST_FAILURE_SETUP;
		default:
			return REQUEST_FAILURE_BROKEN;
	}
}

/* An exchange that is complete according to HTTP may still be too short. */
static void
check_length(Request *request)
{
	if (request->state == REQUEST_DONE && (request->status == 200 || request->status == 206) &&
		request->received < request->expected_length)
		fail(request, REQUEST_FAILURE_BROKEN, CURLE_PARTIAL_FILE,
			 "the body is shorter than it was said to be");
}

/*
 * libcurl accepts header lines of at most 100 kB. What it reports for a longer
 * one depends on its version: that it is too large, or that memory is short.
 */
static bool
head_line_was_too_long(const Request *request, CURLcode code)
{
	curl_off_t sent = 0;

#if LIBCURL_VERSION_NUM >= 0x080600
	if (code == CURLE_TOO_LARGE)
		return request->state == REQUEST_WAITING;
#endif
	curl_easy_getinfo(request->transfer.easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
	return code == CURLE_OUT_OF_MEMORY && request->state == REQUEST_WAITING && sent != 0;
}

static void
destroy(Request *request)
{
	if (request->transfer.easy != NULL)
		curl_easy_cleanup(request->transfer.easy);
	/* Wipe them: headers and bodies contain tokens. */
	for (struct curl_slist *header = request->headers; header != NULL; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(request->headers);
	if (!request->stream)
		wipe(&request->body);
	dial_end(&request->dial);
	free(request->body.data);
	free(request);
}

/* Does a proxy with that status refuse for good? */
static bool
is_refusal_of_proxy(int status)
{
	return status >= 300 && status < 500 && status != 408 && status != 429;
}

/* Its status, if it has one, is enough to judge it by. */
static void
judge_long_answer_of_proxy(Request *request)
{
	char message[sizeof(request->failure_message)];

	request->by_proxy = true;
	if (request->proxy_status == 0)
		snprintf(message, sizeof(message), "the proxy's answer is longer than 16 kB");
	else
		snprintf(message, sizeof(message),
				 "the proxy's answer, HTTP status %d, is longer than 16 kB", request->proxy_status);
	fail(request,
		 request->proxy_status == 0 || is_refusal_of_proxy(request->proxy_status)
			 ? REQUEST_FAILURE_PROXY
			 : REQUEST_FAILURE_BROKEN,
		 CURLE_ABORTED_BY_CALLBACK, message);
}

/* The exchange ended without an answer: find out why. */
static void
examine_failure(Request *request, CURLcode code)
{
	CURL *easy = request->transfer.easy;
	long proxy_status = 0;
	long os_error = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
	request->proxy_status = proxy_status >= 300 ? (int) proxy_status : 0;
	request->by_proxy = request->proxy_status != 0 || code == CURLE_COULDNT_RESOLVE_PROXY;
#if LIBCURL_VERSION_NUM >= 0x074900
	request->by_proxy |= code == CURLE_PROXY;
#endif
	request->os_error = (int) os_error;
	if (request->proxy_answer > MAX_PROXY_ANSWER)
	{
		if (request->sent)
			fail(request, REQUEST_FAILURE_BROKEN, (int) code, "much was received, but no answer");
		else
			judge_long_answer_of_proxy(request);
		return;
	}
	fail(request,
		 is_refusal_of_proxy(request->proxy_status) ? REQUEST_FAILURE_PROXY
													: classify(code, request->error_buffer),
		 (int) code,
		 request->error_buffer[0] != '\0' ? request->error_buffer : curl_easy_strerror(code));
}

/*
 * Take the answer as it is decoded in the place of what came.  That takes at
 * most some 6 ms: if it is deflate blocks that hold nothing but their tables.
 */
static void
decode_body(Request *request)
{
	Body decoded = { 0 };
	StreamStatus status = STREAM_ERROR;
	StreamError error = { .kind = STREAM_ERROR_OUT_OF_MEMORY, .message = "out of memory" };

	/* One more shows that it is too long. */
	if (body_reserve(&decoded, REQUEST_MAX_BODY + 1))
		status =
			content_decode(request->coding, request->body.data + request->body.start,
						   request->body.end - request->body.start, (unsigned char *) decoded.data,
						   REQUEST_MAX_BODY + 1, &decoded.end, &error);
	wipe(&request->body);
	request->body = decoded;
	/* What can be read of an error is enough. */
	if (request->is_error)
		return;
	if (status == STREAM_DATA)
		fail(request, REQUEST_FAILURE_TOO_LARGE, CURLE_FILESIZE_EXCEEDED,
			 "the answer is longer than 64 kB");
	else if (status == STREAM_ERROR && error.kind == STREAM_ERROR_OUT_OF_MEMORY)
		fail(request, REQUEST_FAILURE_SETUP, CURLE_OUT_OF_MEMORY, error.message);
	else if (status == STREAM_ERROR)
		fail(request, REQUEST_FAILURE_BROKEN, CURLE_BAD_CONTENT_ENCODING, error.message);
}

static void
complete(Request *request)
{
	request->state = REQUEST_DONE;
	check_length(request);
	if (request->coding != CODING_NONE && request->body.data != NULL)
		decode_body(request);
}

static void
finish(Transfer *transfer, CURLcode code)
{
	Request *request = (Request *) transfer;
	char refusal[CURL_ERROR_SIZE];

	dial_end(&request->dial);
	transfer->set_aside = false;
	if (request->ownerless)
	{
		destroy(request);
		return;
	}
	if (request->state == REQUEST_FAILED || request->state == REQUEST_DONE)
		return; /* a callback or a timeout has said why */
	if ((code == CURLE_OK && request->status != 0) || request->is_cut)
		complete(request);
	else if (dial_was_refused(&request->dial, refusal, sizeof(refusal)))
		fail(request, REQUEST_FAILURE_SETUP, (int) code, refusal);
	else if (head_line_was_too_long(request, code))
		fail(request, REQUEST_FAILURE_TOO_LARGE, (int) code,
			 "a header line of the answer is longer than 100 kB");
	else
		examine_failure(request, code);
}

/*
 * The time limit for what the request is waiting for now, in milliseconds of
 * reactor_waited, and the message for when it has passed. INT64_MAX: none.
 */
static int64_t
current_limit(const Request *request, const char **message)
{
	int64_t limit = INT64_MAX;

	if (request->state == REQUEST_WAITING)
	{
		curl_off_t connected = 0;

		curl_easy_getinfo(request->transfer.easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
		if (connected == 0 && request->connect_timeout > 0)
		{
			limit = request->started + request->connect_timeout;
			*message = "no connection within connect_timeout";
		}
		else if (connected != 0 && request->response_timeout > 0)
		{
			limit = request->started + request->response_timeout;
			*message = "no answer in time";
		}
	}
	else if (request->state == REQUEST_RECEIVING)
	{
		if (request->stall_timeout > 0)
		{
			limit = request->last_byte + request->stall_timeout;
			*message = "nothing received within stall_timeout";
		}
		if (request->answer_timeout > 0 && request->answered + request->answer_timeout < limit)
		{
			limit = request->answered + request->answer_timeout;
			*message = "no end of the answer within stall_timeout";
		}
		/* An error's body must end in time, or is judged by what has arrived of it. */
		if (request->is_error && request->stall_timeout > 0)
			limit = request->answered + request->stall_timeout;
	}
	return limit;
}

/* Take the exchange out of its reactor, or set it aside if that would mean waiting. */
static void
end_transfer(Request *request)
{
	sigset_t saved;

	if (request->transfer.reactor == NULL)
		return;
	if (dial_would_wait(&request->dial))
	{
		request->dial.given_up = true;
		request->transfer.set_aside = true;
		return;
	}
	signals_block(&saved);
	transfer_end(&request->transfer);
	signals_restore(&saved);
	dial_end(&request->dial);
}

static int64_t
check_timeouts(Transfer *transfer, int64_t now)
{
	Request *request = (Request *) transfer;
	const char *message = NULL;
	int64_t limit = current_limit(request, &message);
	int64_t waited = reactor_waited(transfer->reactor);

	if (limit == INT64_MAX)
		return REACTOR_NEVER;
	if (limit > waited)
		return now + (limit - waited);

	/* A shared connection would stay, dead or not, and the next attempt would use it. */
	if (request->shares)
		reactor_stop_sharing(transfer->reactor);
	end_transfer(request);
	if (request->state == REQUEST_RECEIVING && request->is_error)
	{
		request->state = REQUEST_DONE;
		/* Many may end so at once: too many to decode all. */
		if (request->coding != CODING_NONE && request->body.data != NULL)
		{
			explicit_bzero(request->body.data, request->body.capacity);
			request->body.start = request->body.end = 0;
		}
	}
	else
		fail(request, REQUEST_FAILURE_TIMEOUT, CURLE_OPERATION_TIMEDOUT, message);
	/* Due now, so that a wait for it ends. */
	return now;
}

static void
abandon(Transfer *transfer)
{
	request_free((Request *) transfer);
}

/*-------------------------------------------------------------------------
 * Setting up
 *-------------------------------------------------------------------------
 */

static void
set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static bool
set_headers(Request *request, const RequestOptions *options)
{
	/* libcurl would ask "Expect: 100-continue" and wait for the answer. */
	static const char *const always[] = { "Expect:", "User-Agent: " USER_AGENT, NULL };
	/* Compression is undone if it is used all the same. */
	static const char *const plain[] = { "Accept-Encoding: identity", NULL };
	const char *const *lists[] = { always, options->headers, options->decode ? plain : NULL };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		for (const char *const *header = lists[i]; header != NULL && *header != NULL; header++)
		{
			struct curl_slist *headers = curl_slist_append(request->headers, *header);

			if (headers == NULL)
				return false;
			request->headers = headers;
		}
	}
	return curl_easy_setopt(request->transfer.easy, CURLOPT_HTTPHEADER, request->headers) ==
		   CURLE_OK;
}

/*
 * Not every libcurl can speak TLS to a proxy, and not every TLS library knows
 * folders of certificates.
 */
static bool
is_fine_or_unknown(CURLcode code)
{
	return code == CURLE_OK || code == CURLE_NOT_BUILT_IN || code == CURLE_UNKNOWN_OPTION;
}

/* TLS 1.2 or later, and only the authorities in ca_file if there is one. */
static bool
set_tls(CURL *easy, const char *ca_file)
{
	bool ok = true;

	ok &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	ok &= is_fine_or_unknown(
		curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2));
	ok &= tls_context_furnish(easy);
	if (ca_file == NULL)
		return ok;
	ok &= curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK;
	ok &= is_fine_or_unknown(curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, ca_file));
	/* Otherwise the machine's folder would be used, too. */
	ok &= is_fine_or_unknown(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
	ok &= is_fine_or_unknown(curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL));
	return ok;
}

static bool
set_proxy(CURL *easy, const RequestOptions *options)
{
	bool ok = true;

	if (url_is_loopback(options->url))
		return curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
	if (options->proxy != NULL)
		ok &= curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy) == CURLE_OK;
	/* Not by GSSAPI, for which libcurl waits within a call. */
	ok &= is_fine_or_unknown(curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, (long) CURLAUTH_BASIC));
	if (options->proxy_user != NULL)
		ok &= curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, options->proxy_user) == CURLE_OK;
	if (options->proxy_password != NULL)
		ok &= curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, options->proxy_password) == CURLE_OK;
	return ok;
}

/*
 * libcurl before 8.19 (CVE-2026-3784) reuses any tunnel through the same proxy
 * to the same server, no matter with whose password it was opened.  So a
 * reactor keeps the tunnels of one user only, and makes another user's for one
 * request each.
 */
static bool
needs_own_tunnel(const Request *request, const RequestOptions *options, Reactor *reactor)
{
	bool by_proxy = request->dial.proxy_host[0] != '\0' && !url_is_loopback(options->url);

	return by_proxy && !reactor_tunnels_for(reactor, options->proxy_user, options->proxy_password);
}

/*
 * If memory is short, libcurl (7.88) silently drops a URL's query, and so
 * requests something else than what was meant. So the request target is given
 * to it as it is.  A proxy for plain http needs the whole URL instead.
 */
static bool
set_target(CURL *easy, const RequestOptions *options)
{
	const char *authority = strstr(options->url, "://");
	const char *target = authority != NULL ? authority + 3 + strcspn(authority + 3, "/?#") : "";

	if (*target != '/' || strchr(target, '#') != NULL ||
		(options->proxy != NULL && strncasecmp(options->url, "http:", 5) == 0))
		return true;
	/* A target that would have to be escaped is left to libcurl. */
	for (const char *c = target; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return true;
	return curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target) == CURLE_OK;
}

/* Set everything that libcurl needs to know; false when memory is short or a value is refused. */
static bool
set_options(Request *request, const RequestOptions *options, Reactor *reactor)
{
	CURL *easy = request->transfer.easy;
	bool ok = true;
	bool alone;

	ok &= curl_easy_setopt(easy, CURLOPT_PRIVATE, &request->transfer) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_URL, options->url) == CURLE_OK;
	ok &= set_target(easy, options);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error_buffer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, may_go_on);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, request);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);

	/*
	 * Time is measured by check_timeouts, which knows when nobody waits;
	 * libcurl's own limit for connecting must not come first.
	 */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 24L * 60 * 60 * 1000);

	if (reactor_doubts_names(reactor))
		ok &= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L) == CURLE_OK;
	set_protocols(easy);
	ok &= dial_begin(&request->dial, easy, options->url, options->proxy, options->local);
	alone = needs_own_tunnel(request, options, reactor);
#if LIBCURL_VERSION_NUM < 0x075000

	/*
	 * A connection that is used again is judged only when the answer comes, so
	 * those that lead inside are kept apart from the others.
	 */
	alone = alone || options->local != url_is_loopback(options->url);
#endif
	ok &= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, alone ? 1L : 0L) == CURLE_OK;
	ok &= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, alone ? 1L : 0L) == CURLE_OK;
	request->shares =
		http_version_choose(easy, options->url, !alone && reactor_shares_connections(reactor));
	ok &= set_tls(easy, options->ca_file);

	if (strcmp(options->method, "POST") == 0)
	{
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		ok &= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
							   options->body != NULL ? options->body : "") == CURLE_OK;
	}
	if (options->user != NULL)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		ok &= curl_easy_setopt(easy, CURLOPT_USERNAME, options->user) == CURLE_OK;
		ok &= curl_easy_setopt(easy, CURLOPT_PASSWORD, options->password) == CURLE_OK;
	}
	ok &= set_proxy(easy, options);
	return ok && set_headers(request, options);
}

/* Why a URL must not be requested; NULL if it may. */
static const char *
url_refusal(const char *url)
{
	switch (url_check(url))
	{
		case URL_OK:
			return NULL;
		case URL_MALFORMED:
			return "the URL is malformed";
		case URL_NO_MEMORY:
			return "out of memory";
		case URL_WRONG_SCHEME:
			return "the URL is neither https nor http";
		case URL_NOT_LOOPBACK:
			return "the URL is plain http to another machine";
		case URL_HAS_CREDENTIALS:
			return "the URL carries a user name or password";
	}
	return "the URL is malformed";
}

/* Say where it leads, too. */
static void
refuse(Request *request, const char *url, const char *why)
{
	char shown[sizeof(request->failure_message) / 2];
	char message[sizeof(request->failure_message)];

	if (url_check(url) == URL_NO_MEMORY)
	{
		fail(request, REQUEST_FAILURE_SETUP, CURLE_OUT_OF_MEMORY, why);
		return;
	}
	url_for_message(url, shown, sizeof(shown));
	snprintf(message, sizeof(message), "%s: %s", why, shown);
	fail(request, REQUEST_FAILURE_REFUSED, CURLE_URL_MALFORMAT, message);
}

Request *
request_start(Reactor *reactor, const RequestOptions *options)
{
	Request *request = calloc(1, sizeof(Request));
	const char *refusal = url_refusal(options->url);
	char message[sizeof(request->failure_message)] = "the request could not be set up";
	bool begun;
	sigset_t saved;

	if (request == NULL)
		return NULL;
	forget_headers(&request->response);
	request->decode = options->decode;
	request->stream = options->stream;
	request->connect_timeout = options->connect_timeout;
	request->response_timeout = options->response_timeout;
	request->stall_timeout = options->stall_timeout;
	request->answer_timeout = options->answer_timeout;
	request->started = request->last_byte = reactor_waited(reactor);
	if (refusal != NULL)
	{
		refuse(request, options->url, refusal);
		return request;
	}

	signals_block(&saved);
	request->transfer.finished = finish;
	request->transfer.check_timeouts = check_timeouts;
	request->transfer.abandon = abandon;
	request->transfer.easy = curl_initialize() ? curl_easy_init() : NULL;
	begun = request->transfer.easy != NULL && set_options(request, options, reactor) &&
			transfer_begin(reactor, &request->transfer);
	signals_restore(&saved);
	if (!begun)
	{
		dial_was_refused(&request->dial, message, sizeof(message));
		fail(request, REQUEST_FAILURE_SETUP, CURLE_FAILED_INIT, message);
	}
	reactor_update_timer(reactor);
	return request;
}

void
request_free(Request *request)
{
	sigset_t saved;

	if (request == NULL)
		return;
	end_transfer(request);
	if (request->transfer.set_aside)
	{
		request->ownerless = true;
		return;
	}
	signals_block(&saved);
	destroy(request);
	signals_restore(&saved);
}

/*-------------------------------------------------------------------------
 * What the caller sees
 *-------------------------------------------------------------------------
 */

RequestState
request_state(const Request *request)
{
	return request->state;
}

bool
request_was_not_made(const Request *request)
{
	return request->state == REQUEST_FAILED && request->failure == REQUEST_FAILURE_SETUP;
}

void
request_result(const Request *request, RequestResult *result)
{
	memset(result, 0, sizeof(*result));
	result->state = request->state;
	result->status = request->status;
	result->headers = &request->response;
	result->body = request_body(request, &result->length);
	result->failure = request->failure;
	result->code = request->failure_code;
	result->message = request->failure_message;
	result->os_error = request->os_error;
	result->by_proxy = request->by_proxy;
	result->proxy_status = request->proxy_status;
}

void
request_reach(const Request *request, RequestReach *reach)
{
	CURL *easy = request->transfer.easy;
	char *address = NULL;

	memset(reach, 0, sizeof(*reach));
	if (easy == NULL)
		return;
	/*
	 * If a later step was reached, the earlier ones have passed, even without
	 * times: the connection may have been reused.  Last comes the sending of
	 * the request, which may get no answer.  What failed is known, whatever
	 * the times say: newer libcurls set some of them for what failed, too.
	 */
	if (request->failure == REQUEST_FAILURE_RESOLVE)
		return;
	reach->secured = request->failure != REQUEST_FAILURE_CONNECT &&
					 request->failure != REQUEST_FAILURE_TLS &&
					 (has_passed(easy, CURLINFO_APPCONNECT_TIME_T) ||
					  has_passed(easy, CURLINFO_PRETRANSFER_TIME_T) || request->status != 0);
	reach->connected =
		reach->secured || request->failure == REQUEST_FAILURE_TLS ||
		(request->failure != REQUEST_FAILURE_CONNECT && has_passed(easy, CURLINFO_CONNECT_TIME_T));
	reach->resolved = reach->connected || request->failure == REQUEST_FAILURE_CONNECT ||
					  request->dial.refused[0] != '\0' ||
					  has_passed(easy, CURLINFO_NAMELOOKUP_TIME_T);
	if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address != NULL)
		snprintf(reach->address, sizeof(reach->address), "%s", address);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &reach->port);
}

const char *
request_body(const Request *request, size_t *length)
{
	*length = request->body.end - request->body.start;
	/* A null pointer must not be added to, or copied from. */
	return *length > 0 ? request->body.data + request->body.start : "";
}

void
request_consume(Request *request, size_t length)
{
	request->body.start += length;
	if (request->body.start >= request->body.end)
		request->body.start = request->body.end = 0;
}

void
request_expect(Request *request, uint64_t length)
{
	request->expected_length = length;
	check_length(request);
}

uint32_t
request_checksum(const Request *request)
{
	return request->checksum;
}

uint64_t
request_bytes_received(const Request *request)
{
	return request->received;
}

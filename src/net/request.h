/*-------------------------------------------------------------------------
 *
 * request.h
 *		One HTTP exchange in a reactor.
 *
 * Redirects are not followed, TLS is verified, only http and https are spoken.
 * It is HTTP/1.1, one exchange at a time on a connection, except for reactors
 * that share connections (reactor_share_connections).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_REQUEST_H
#define ADSEXPORT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/reactor.h"

typedef struct Request Request;

/* All strings are copied; NULL leaves an option out. */
typedef struct RequestOptions
{
	const char *method; /* "GET" or "POST" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated */
	const char *body;           /* for POST, NUL-terminated */
	const char *user;           /* basic authentication */
	const char *password;
	const char *ca_file; /* file with the authorities to trust; NULL: the machine's */
	const char *proxy;   /* NULL: the environment's; empty: none.  Never for a loopback URL */
	const char *proxy_user;
	const char *proxy_password;
	bool local;           /* may lead to loopback, link-local and unspecified addresses */
	int connect_timeout;  /* milliseconds of waiting; 0: none */
	int response_timeout; /* until the first byte of the answer; 0: none */
	int stall_timeout;    /* between two bytes; 0: none; also for all of an error's body */
	int answer_timeout;   /* from the head of the answer to its end; 0: none */
	bool decode;          /* the body, as its Content-Encoding says; never for
								 * files, whose bytes are checked as they come */
	bool
		stream; /* the body of a 200 or 206 is read as it arrives, and not limited to REQUEST_MAX_BODY */
} RequestOptions;

/*
 * A longer body that is not streamed makes the request fail: the longest
 * message of an API is a status with its link, a tenth of this.  An error's
 * answer is cut at this length, and is done when that much has arrived.
 */
#define REQUEST_MAX_BODY ((size_t) 64 * 1024)

typedef enum RequestState
{
	REQUEST_WAITING,   /* no final answer header yet */
	REQUEST_RECEIVING, /* status and headers are known, the body arrives */
	REQUEST_DONE,      /* complete, as far as HTTP can tell */
	REQUEST_FAILED     /* see RequestResult */
} RequestState;

/* How an exchange without a (complete) answer failed. */
typedef enum RequestFailure
{
	REQUEST_FAILURE_NONE,
	REQUEST_FAILURE_RESOLVE, /* name resolution */
	REQUEST_FAILURE_CONNECT,
	REQUEST_FAILURE_TLS,       /* handshake or certificate */
	REQUEST_FAILURE_TIMEOUT,   /* one of the timeouts above */
	REQUEST_FAILURE_BROKEN,    /* connection lost, body shorter than announced, bad
								 * framing */
	REQUEST_FAILURE_TOO_LARGE, /* body over REQUEST_MAX_BODY */
	REQUEST_FAILURE_PROXY,     /* the proxy does not let the connection through */
	REQUEST_FAILURE_REFUSED,   /* by ourselves: the URL must not be requested */
	REQUEST_FAILURE_SETUP      /* no memory, unreadable ca_file ... */
} RequestFailure;

/* The headers of the answer that are kept; empty strings if absent. */
typedef struct ResponseHeaders
{
	char retry_after[64];
	char request_id[128]; /* x-amzn-RequestId, or x-amz-request-id */
	char etag[256];
	char location[512]; /* where a redirect leads, cut to that */
	char content_range[64];
	char content_encoding[64];
	int64_t content_length; /* -1 when not announced */
} ResponseHeaders;

/*
 * Begin an exchange; returns NULL only when memory is short.  A request that
 * cannot even be set up is returned as REQUEST_FAILED.  It belongs to the
 * caller, and must be freed before its reactor is.
 */
extern Request *request_start(Reactor *reactor, const RequestOptions *options);

/* Ends the exchange if it is in progress. NULL is allowed. */
extern void request_free(Request *request);

extern RequestState request_state(const Request *request);

/* It failed before anything was sent, as memory was short. */
extern bool request_was_not_made(const Request *request);

/*
 * How an exchange stands, or how it ended.  What it points to belongs to the
 * request: the body until that is driven or bytes of it are consumed.
 */
typedef struct RequestResult
{
	RequestState state;
	int status; /* HTTP status, 0 if none */
	const ResponseHeaders *headers;
	const char *body; /* what has arrived of it and has not been consumed */
	size_t length;

	/* When it failed: */
	RequestFailure failure; /* else REQUEST_FAILURE_NONE */
	int code;               /* libcurl's */
	const char *message;    /* a phrase of ours or libcurl's; never holds a URL's query */
	int os_error;           /* errno of the connection; 0: none */
	bool by_proxy;          /* it is the proxy that failed */
	int proxy_status;       /* the status that it answered with; 0: none */
} RequestResult;

extern void request_result(const Request *request, RequestResult *result);

/* How far it got on its way to the server, for those who look for a fault. */
typedef struct RequestReach
{
	bool resolved;    /* the server's name, or its proxy's */
	bool connected;   /* to the server, or to its proxy */
	bool secured;     /* by TLS, with a certificate that is trusted */
	char address[64]; /* that it was or is to be connected to; empty: not known */
	long port;
} RequestReach;

extern void request_reach(const Request *request, RequestReach *reach);

/*
 * The part of the body that has arrived and has not been consumed yet.  The
 * pointer is valid until the reactor is driven or the bytes are consumed.
 */
extern const char *request_body(const Request *request, size_t *length);
extern void request_consume(Request *request, size_t length);

/*
 * The body of a 200 or 206 is known to have this many bytes: the exchange
 * fails if it ends before, even if it has ended already.
 */
extern void request_expect(Request *request, uint64_t length);

/* All bytes of the body that have arrived. */
extern uint64_t request_bytes_received(const Request *request);

/* CRC-32 of these bytes, if they are streamed. */
extern uint32_t request_checksum(const Request *request);

#endif /* ADSEXPORT_REQUEST_H */

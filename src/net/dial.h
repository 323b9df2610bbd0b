/*-------------------------------------------------------------------------
 *
 * dial.h
 *		From a name to a connection: where it may lead, and what it holds.
 *		Internal to net/.
 *
 * A link comes from a server, which may want to make us look at what only this
 * machine can reach.  So it is the address that its name was resolved to that
 * is judged, at the moment when the socket is opened.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DIAL_H
#define ADSEXPORT_DIAL_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "net/address.h"

typedef struct Dial
{
	bool local_allowed; /* loopback, link-local and unspecified addresses */
	bool loopback_only;
	unsigned port;        /* of the URL */
	char proxy_host[256]; /* empty: none */
	unsigned proxy_port;
	bool would_block;    /* at that proxy, with this libcurl */
	bool joins_resolver; /* this libcurl waits for its resolver thread when a transfer is ended */
	bool resolving;      /* there may be such a thread */
	bool given_up;       /* no connection is wanted any more */
	int reserved;        /* descriptors that were counted in advance */
	int sockets;         /* sockets that were opened for it */
	bool out_of_descriptors;
	AddressKind refused_kind;
	char refused[64]; /* address for which no socket was opened; empty: none */
} Dial;

/*
 * Let it decide about the sockets of a handle, which it must outlive. Returns
 * false if libcurl refuses, or if the URL's host is an address to which it must
 * not lead, not even through a proxy, or the proxy is one at which this libcurl
 * could not be interrupted (see dial_was_refused).
 */
extern bool
dial_begin(Dial *dial, CURL *easy, const char *url, const char *proxy, bool local_allowed);

/* There is a connection, or there will not be one.  May be called again. */
extern void dial_end(Dial *dial);

/* Would libcurl make us wait if the transfer were ended now? */
extern bool dial_would_wait(const Dial *dial);

/*
 * Likewise for a connection that was opened for another transfer, which may
 * have had other rules; to be called before its answer is trusted.  libcurl
 * 7.80 and later check even before the request is sent.
 */
extern bool dial_may_use_connection(Dial *dial, CURL *easy);

/*
 * Was no socket opened, because of these rules or for lack of descriptors?
 * Then reason says why.
 */
extern bool dial_was_refused(const Dial *dial, char *reason, size_t size);

#endif /* ADSEXPORT_DIAL_H */

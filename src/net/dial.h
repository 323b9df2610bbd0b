/*-------------------------------------------------------------------------
 *
 * dial.h
 *		From a name to a connection: where it may lead, and what it holds.
 *		Internal to net/.
 *
 * A link comes from a server, which may want to have us look at what only this
 * machine can see.  So the address is judged that its name was resolved to, at
 * the moment in which the socket is opened.
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
	char proxy_host[256]; /* empty: none */
	unsigned proxy_port;
	bool joins_resolver; /* this libcurl waits for its thread when it is told to forget it */
	bool resolving;      /* there may be such a thread */
	bool given_up;       /* no connection is wanted any more */
	int reserved;        /* descriptors that were counted in advance */
	int sockets;         /* that were opened for it */
	bool out_of_descriptors;
	AddressKind refused_kind;
	char refused[64]; /* address that it was not opened for; empty: none */
} Dial;

/*
 * Let it decide over the sockets of a handle, of which it must be part of as
 * long as that has one.  Returns false if libcurl refuses.
 */
extern bool
dial_begin(Dial *dial, CURL *easy, const char *url, const char *proxy, bool local_allowed);

/* There is a connection, or there won't be one.  May be said again. */
extern void dial_end(Dial *dial);

/* Would libcurl make us wait if the transfer was ended now? */
extern bool dial_would_wait(const Dial *dial);

/*
 * The same for a connection that was opened for another transfer, whose rules
 * may have been others; to be asked before its answer is believed.  libcurl 7.80
 * and later ask even before the request is sent.
 */
extern bool dial_may_use_connection(Dial *dial, CURL *easy);

/* No socket was opened, because of these rules or for want of descriptors: the reason, or false. */
extern bool dial_was_refused(const Dial *dial, char *reason, size_t size);

#endif /* ADSEXPORT_DIAL_H */

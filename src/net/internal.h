/*-------------------------------------------------------------------------
 *
 * internal.h
 *		What reactor.c and request.c share.  Not for other folders.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_NET_INTERNAL_H
#define ADSEXPORT_NET_INTERNAL_H

#include <signal.h>

#include <curl/curl.h>

#include "net/multiplexer.h"
#include "net/reactor.h"
#include "net/request.h"

struct Reactor
{
	Multiplexer multiplexer;
	CURLM *multi;
	Reactor *outer; /* we are nested in it, or NULL */
	Reactor *inner; /* first of those nested in us */
	Reactor *next_inner;
	Request *requests; /* all that are under way */
	int64_t alarm;
	int64_t curl_due; /* libcurl wants to be called then */
	int wait_depth;
	int64_t rested;        /* milliseconds in which nobody waited */
	int64_t resting_since; /* while wait_depth is 0 */
};

/* Milliseconds in which somebody waited for this reactor. */
extern int64_t reactor_waited(const Reactor *reactor);

/* To be called after a change of what the timer depends on. */
extern void reactor_update_timer(Reactor *reactor);

/* libcurl says that the exchange is over. */
extern void request_finished(Request *request, CURLcode code);

/*
 * Fail the request if it waited too long.  Otherwise returns the
 * monotonic_milliseconds at which that is to be looked at again.
 */
extern int64_t request_check_timeouts(Request *request, int64_t now);

/* Links of the reactor's list of requests. */
extern Request **request_next(Request *request);

/* Brackets for calls into libcurl. */
extern void signals_block(sigset_t *saved);
extern void signals_restore(const sigset_t *saved);

#endif /* ADSEXPORT_NET_INTERNAL_H */

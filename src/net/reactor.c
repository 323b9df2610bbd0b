/*-------------------------------------------------------------------------
 *
 * reactor.c
 *		HTTP transfers and timers behind one pollable file descriptor.
 *
 *-------------------------------------------------------------------------
 */
#include "net/internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS_PER_DRIVE 32

int64_t
monotonic_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
signals_block(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

void
signals_restore(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* libcurl tells which of its sockets to watch, and for what. */
static int
watch_socket(CURL *easy, curl_socket_t socket, int what, void *reactor_pointer, void *socket_data)
{
	Reactor *reactor = reactor_pointer;
	unsigned events = 0;

	(void) easy;
	(void) socket_data;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= MULTIPLEXER_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= MULTIPLEXER_WRITE;

	/* A nonzero result makes libcurl fail the transfers, which is what a
	 * socket deserves that we could never wait for. */
	return multiplexer_watch(&reactor->multiplexer, socket, events) ? 0 : -1;
}

/* libcurl tells when it wants to be called without any socket being ready. */
static int
set_curl_timer(CURLM *multi, long timeout, void *reactor_pointer)
{
	Reactor *reactor = reactor_pointer;

	(void) multi;
	reactor->curl_due = timeout < 0 ? REACTOR_NEVER : monotonic_milliseconds() + timeout;
	return 0;
}

static bool
initialize_curl(void)
{
	static bool done = false;

	/* Not when the library is loaded: some systems' implementations start
	 * threads here, which a postmaster must not have. */
	if (!done)
		done = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
	return done;
}

Reactor *
reactor_create(void)
{
	Reactor *reactor = calloc(1, sizeof(Reactor));
	sigset_t saved;

	if (reactor == NULL)
		return NULL;
	reactor->alarm = REACTOR_NEVER;
	reactor->curl_due = REACTOR_NEVER;
	reactor->resting_since = monotonic_milliseconds();
	if (!multiplexer_open(&reactor->multiplexer))
	{
		int error = errno;

		free(reactor);
		errno = error;
		return NULL;
	}

	signals_block(&saved);
	if (initialize_curl())
		reactor->multi = curl_multi_init();
	if (reactor->multi != NULL)
	{
		curl_multi_setopt(reactor->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
		curl_multi_setopt(reactor->multi, CURLMOPT_SOCKETDATA, reactor);
		curl_multi_setopt(reactor->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
		curl_multi_setopt(reactor->multi, CURLMOPT_TIMERDATA, reactor);
	}
	signals_restore(&saved);
	if (reactor->multi == NULL)
	{
		multiplexer_close(&reactor->multiplexer);
		free(reactor);
		errno = ENOMEM;
		return NULL;
	}
	return reactor;
}

void
reactor_free(Reactor *reactor)
{
	sigset_t saved;

	if (reactor == NULL)
		return;
	while (reactor->requests != NULL)
		request_free(reactor->requests);
	if (reactor->outer != NULL)
		reactor_unnest(reactor->outer, reactor);
	while (reactor->inner != NULL)
		reactor_unnest(reactor, reactor->inner);

	signals_block(&saved);
	curl_multi_cleanup(reactor->multi);
	signals_restore(&saved);
	multiplexer_close(&reactor->multiplexer);
	free(reactor);
}

int
reactor_descriptor(const Reactor *reactor)
{
	return reactor->multiplexer.descriptor;
}

void
reactor_set_alarm(Reactor *reactor, int64_t due)
{
	reactor->alarm = due;
	reactor_update_timer(reactor);
}

void
reactor_update_timer(Reactor *reactor)
{
	int64_t now = monotonic_milliseconds();
	int64_t due = reactor->alarm < reactor->curl_due ? reactor->alarm : reactor->curl_due;
	Request *next;

	for (Request *request = reactor->requests; request != NULL; request = next)
	{
		int64_t timeout;

		next = *request_next(request); /* one that timed out leaves the list */
		timeout = request_check_timeouts(request, now);

		if (timeout < due)
			due = timeout;
	}
	if (due == REACTOR_NEVER)
		multiplexer_set_timer(&reactor->multiplexer, -1);
	else
		multiplexer_set_timer(&reactor->multiplexer, due > now ? due - now : 0);
}

static bool
is_nested(const Reactor *reactor, int descriptor)
{
	for (const Reactor *inner = reactor->inner; inner != NULL; inner = inner->next_inner)
		if (inner->multiplexer.descriptor == descriptor)
			return true;
	return false;
}

/* Hand out what libcurl has finished. */
static void
collect_finished(Reactor *reactor)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(reactor->multi, &left)) != NULL)
	{
		char *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		request_finished((Request *) request, message->data.result);
	}
}

void
reactor_drive(Reactor *reactor)
{
	MultiplexerEvent events[EVENTS_PER_DRIVE];
	int count;
	int running;
	sigset_t saved;

	signals_block(&saved);
	count = multiplexer_poll(&reactor->multiplexer, events, EVENTS_PER_DRIVE);
	for (int i = 0; i < count; i++)
	{
		int action = 0;

		if (is_nested(reactor, events[i].descriptor))
			continue;
		if (events[i].events & MULTIPLEXER_READ)
			action |= CURL_CSELECT_IN;
		if (events[i].events & MULTIPLEXER_WRITE)
			action |= CURL_CSELECT_OUT;
		curl_multi_socket_action(reactor->multi, events[i].descriptor, action, &running);
	}
	if (reactor->curl_due <= monotonic_milliseconds())
	{
		reactor->curl_due = REACTOR_NEVER;
		curl_multi_socket_action(reactor->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect_finished(reactor);
	signals_restore(&saved);
	reactor_update_timer(reactor);
}

bool
reactor_nest(Reactor *outer, Reactor *inner)
{
	if (inner->outer == outer)
		return true;
	if (inner->outer != NULL)
		reactor_unnest(inner->outer, inner);
	if (!multiplexer_watch(&outer->multiplexer, inner->multiplexer.descriptor, MULTIPLEXER_READ))
		return false;
	inner->outer = outer;
	inner->next_inner = outer->inner;
	outer->inner = inner;
	return true;
}

void
reactor_unnest(Reactor *outer, Reactor *inner)
{
	if (inner->outer != outer)
		return;
	multiplexer_watch(&outer->multiplexer, inner->multiplexer.descriptor, 0);
	for (Reactor **link = &outer->inner; *link != NULL; link = &(*link)->next_inner)
	{
		if (*link == inner)
		{
			*link = inner->next_inner;
			break;
		}
	}
	inner->outer = NULL;
	inner->next_inner = NULL;
}

bool
reactor_watch(Reactor *reactor, int descriptor)
{
	return multiplexer_watch(&reactor->multiplexer, descriptor, MULTIPLEXER_READ);
}

void
reactor_unwatch(Reactor *reactor, int descriptor)
{
	multiplexer_watch(&reactor->multiplexer, descriptor, 0);
}

void
reactor_wait_begins(Reactor *reactor)
{
	if (reactor->wait_depth++ == 0)
	{
		reactor->rested += monotonic_milliseconds() - reactor->resting_since;
		reactor_update_timer(reactor);
	}
}

void
reactor_wait_ends(Reactor *reactor)
{
	/* A wait may have begun with a reactor that is gone. */
	if (reactor->wait_depth > 0 && --reactor->wait_depth == 0)
		reactor->resting_since = monotonic_milliseconds();
}

void
reactor_discount(Reactor *reactor, int64_t milliseconds)
{
	reactor->rested += milliseconds;
}

int64_t
reactor_waited(const Reactor *reactor)
{
	int64_t now = reactor->wait_depth > 0 ? monotonic_milliseconds() : reactor->resting_since;

	return now - reactor->rested;
}

/*-------------------------------------------------------------------------
 *
 * reactor.c
 *		HTTP transfers and timers behind one pollable file descriptor.
 *
 *-------------------------------------------------------------------------
 */
#include "net/reactor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/curl_memory.h"
#include "net/descriptors.h"
#include "net/multiplexer.h"
#include "net/signals.h"
#include "net/tls_context.h"
#include "net/transfer.h"

/*
 * Connections that are kept for later requests: usually as many as are in
 * flight at the same time.
 */
#define CONNECTIONS_KEPT 32L

#define EVENTS_PER_DRIVE 32

/*
 * A drive begins nothing more after this many milliseconds, so that whoever
 * waits can look whether it was cancelled: what one connection brings in at a
 * time does not take long, but that of all of them might.
 */
#define DRIVE_MS 10

/* As long as libcurl remembers a name; one that failed, not even as long. */
#define NAMES_KEPT_MS (60L * 1000)

struct Reactor
{
	Multiplexer multiplexer;
	CURLM *multi;   /* NULL until there is a transfer */
	Reactor *outer; /* we are nested in it, or NULL */
	Reactor *inner; /* first of those nested in us */
	Reactor *next_inner;
	Transfer *transfers; /* all that are under way */
	int64_t alarm;
	int64_t curl_due; /* libcurl wants to be called then */
	uint64_t drives;
	int left_off;     /* the descriptor that a drive did not get to; -1: it got to all */
	bool uncollected; /* libcurl has finished transfers that were not handed out yet */
	bool shares;      /* connections, see reactor_share_connections */
	bool doubtful;    /* one that is shared may be dead */
	int64_t names_doubted_until;
	char *tunnels_of; /* "user:password"; NULL: no proxy was used yet */
	int wait_depth;
	int64_t idle_ms;       /* milliseconds in which nobody waited */
	int64_t resting_since; /* while wait_depth is 0 */
};

/* Reactors that were freed but still hold transfers that were set aside; linked by next_inner. */
static Reactor *leaving = NULL;

/* libcurl's pair of sockets (or its eventfd) for waking it. */
#define DESCRIPTORS_OF_MULTI 2

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

	/*
	 * A nonzero result makes libcurl fail the transfers, which is right for a
	 * socket that we could never wait for.
	 */
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

/* Only for a transfer: many reactors just wait for others, and a multi handle takes descriptors. */
static bool
open_multi(Reactor *reactor)
{
	if (reactor->multi != NULL)
		return true;
	if (curl_initialize())
		reactor->multi = curl_multi_init();
	if (reactor->multi == NULL)
		return false;
	descriptors_count(DESCRIPTORS_OF_MULTI);
#if LIBCURL_VERSION_NUM >= 0x081400
	/* As CURLOPT_QUICK_EXIT does for each handle. */
	curl_multi_setopt(reactor->multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	/* libcurl would keep four for each handle at the moment, and close the others. */
	curl_multi_setopt(reactor->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	curl_multi_setopt(reactor->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(reactor->multi, CURLMOPT_SOCKETDATA, reactor);
	curl_multi_setopt(reactor->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
	curl_multi_setopt(reactor->multi, CURLMOPT_TIMERDATA, reactor);
	return true;
}

bool
transfer_begin(Reactor *reactor, Transfer *transfer)
{
	if (!open_multi(reactor))
		return false;
	/* Linked first: adding the handle may already call back. */
	transfer->reactor = reactor;
	transfer->next = reactor->transfers;
	reactor->transfers = transfer;
	if (curl_multi_add_handle(reactor->multi, transfer->easy) == CURLM_OK)
		return true;
	transfer_end(transfer);
	return false;
}

void
transfer_end(Transfer *transfer)
{
	Reactor *reactor = transfer->reactor;

	if (reactor == NULL)
		return;
	curl_multi_remove_handle(reactor->multi, transfer->easy);
	for (Transfer **link = &reactor->transfers; *link != NULL; link = &(*link)->next)
	{
		if (*link == transfer)
		{
			*link = transfer->next;
			break;
		}
	}
	transfer->reactor = NULL;
	transfer->next = NULL;
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
	Transfer *next;

	if (reactor->uncollected)
		due = now;

	for (Transfer *transfer = reactor->transfers; transfer != NULL; transfer = next)
	{
		int64_t timeout;

		next = transfer->next; /* one that timed out leaves the list */
		if (transfer->set_aside)
			continue;
		timeout = transfer->check_timeouts(transfer, now);
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

/* Hand out the transfers that libcurl has finished: at least one, and no more when it is that late. */
static void
collect_finished(Reactor *reactor, int64_t enough)
{
	CURLMsg *message;
	int left = 0;

	reactor->uncollected = false;
	while ((message = curl_multi_info_read(reactor->multi, &left)) != NULL)
	{
		CURLcode code = message->data.result; /* the message goes with the handle */
		char *private = NULL;
		Transfer *transfer;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		transfer = (Transfer *) private;
		if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
			reactor->names_doubted_until = monotonic_milliseconds() + NAMES_KEPT_MS;
		transfer_end(transfer);
		transfer->finished(transfer, code);
		if (left > 0 && monotonic_milliseconds() >= enough)
		{
			reactor->uncollected = true;
			return;
		}
	}
}

/* Free a reactor that holds no transfers any more. */
static void
destroy(Reactor *reactor)
{
	if (reactor->multi != NULL)
	{
		curl_multi_cleanup(reactor->multi);
		descriptors_count(-DESCRIPTORS_OF_MULTI);
	}
	if (reactor->tunnels_of != NULL)
		explicit_bzero(reactor->tunnels_of, strlen(reactor->tunnels_of));
	free(reactor->tunnels_of);
	free(reactor);
}

/* Free those reactors whose last transfer has finished.  Never waits. */
static void
see_off(void)
{
	Reactor **link = &leaving;
	sigset_t saved;

	if (leaving == NULL)
		return;
	signals_block(&saved);
	while (*link != NULL)
	{
		Reactor *reactor = *link;
		int running;

		reactor->drives++;
		tls_context_begin_turn();
		curl_multi_perform(reactor->multi, &running);
		collect_finished(reactor, REACTOR_NEVER);
		if (reactor->transfers == NULL)
		{
			*link = reactor->next_inner;
			destroy(reactor);
		}
		else
			link = &reactor->next_inner;
	}
	signals_restore(&saved);
}

Reactor *
reactor_create(void)
{
	Reactor *reactor = calloc(1, sizeof(Reactor));

	see_off();
	if (reactor == NULL)
		return NULL;
	reactor->alarm = REACTOR_NEVER;
	reactor->curl_due = REACTOR_NEVER;
	reactor->left_off = -1;
	reactor->resting_since = monotonic_milliseconds();
	if (!multiplexer_open(&reactor->multiplexer))
	{
		int error = errno;

		free(reactor);
		errno = error;
		return NULL;
	}
	return reactor;
}

void
reactor_free(Reactor *reactor)
{
	Transfer *next;
	sigset_t saved;

	see_off();
	if (reactor == NULL)
		return;
	for (Transfer *transfer = reactor->transfers; transfer != NULL; transfer = next)
	{
		next = transfer->next;
		transfer->abandon(transfer);
	}
	if (reactor->outer != NULL)
		reactor_unnest(reactor->outer, reactor);
	while (reactor->inner != NULL)
		reactor_unnest(reactor, reactor->inner);
	multiplexer_close(&reactor->multiplexer);

	signals_block(&saved);
	if (reactor->transfers == NULL)
		destroy(reactor);
	else
	{
		/* From now on see_off drives libcurl without its callbacks. */
		curl_multi_setopt(reactor->multi, CURLMOPT_SOCKETFUNCTION, NULL);
		curl_multi_setopt(reactor->multi, CURLMOPT_TIMERFUNCTION, NULL);
		reactor->next_inner = leaving;
		leaving = reactor;
	}
	signals_restore(&saved);
}

/*
 * If memory is short for libcurl's record of a socket, it leaves the record
 * damaged, and would divide by zero the next time.  So such a multi handle is
 * not used any more; the next transfer gets a new one.
 */
static void
give_up_multi(Reactor *reactor)
{
	while (reactor->transfers != NULL)
	{
		Transfer *transfer = reactor->transfers;

		transfer_end(transfer);
		transfer->finished(transfer, CURLE_OUT_OF_MEMORY);
	}
	curl_multi_cleanup(reactor->multi);
	descriptors_count(-DESCRIPTORS_OF_MULTI);
	reactor->multi = NULL;
	reactor->curl_due = REACTOR_NEVER;
	reactor->uncollected = false;
}

static CURLMcode
drive_socket(Reactor *reactor, const MultiplexerEvent *event)
{
	int action = 0;
	int running;

	if (event->events & MULTIPLEXER_READ)
		action |= CURL_CSELECT_IN;
	if (event->events & MULTIPLEXER_WRITE)
		action |= CURL_CSELECT_OUT;
	tls_context_begin_turn();
	return curl_multi_socket_action(reactor->multi, event->descriptor, action, &running);
}

/* Those that are ready, beginning with the one that the last drive did not get to. */
static CURLMcode
drive_sockets(Reactor *reactor, int64_t enough)
{
	MultiplexerEvent events[EVENTS_PER_DRIVE];
	int count = multiplexer_poll(&reactor->multiplexer, events, EVENTS_PER_DRIVE);
	CURLMcode code = CURLM_OK;
	int first = 0;

	for (int i = 0; i < count; i++)
		if (events[i].descriptor == reactor->left_off)
			first = i;
	reactor->left_off = -1;
	for (int i = 0; i < count && code == CURLM_OK; i++)
	{
		const MultiplexerEvent *event = &events[(first + i) % count];

		if (is_nested(reactor, event->descriptor))
			continue;
		if (i > 0 && monotonic_milliseconds() >= enough)
		{
			reactor->left_off = event->descriptor;
			break;
		}
		code = drive_socket(reactor, event);
	}
	return code;
}

/* Let libcurl do what it can for the sockets that are ready and the time that is due. */
static void
drive_curl(Reactor *reactor)
{
	int64_t enough = monotonic_milliseconds() + DRIVE_MS;
	CURLMcode code;

	reactor->drives++;
	code = drive_sockets(reactor, enough);
	if (code == CURLM_OK && reactor->curl_due <= monotonic_milliseconds())
	{
		int running;

		reactor->curl_due = REACTOR_NEVER;
		tls_context_begin_turn();
		code = curl_multi_socket_action(reactor->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	/* What is complete is to be told of before all are given up. */
	collect_finished(reactor, code == CURLM_OUT_OF_MEMORY ? REACTOR_NEVER : enough);
	if (code == CURLM_OUT_OF_MEMORY)
		give_up_multi(reactor);
}

void
reactor_drive(Reactor *reactor)
{
	sigset_t saved;

	if (reactor->multi != NULL)
	{
		signals_block(&saved);
		drive_curl(reactor);
		signals_restore(&saved);
	}
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
		reactor->idle_ms += monotonic_milliseconds() - reactor->resting_since;
		reactor_update_timer(reactor);
	}
}

void
reactor_wait_ends(Reactor *reactor)
{
	/* A wait may have begun with a reactor that is now gone. */
	if (reactor->wait_depth > 0 && --reactor->wait_depth == 0)
		reactor->resting_since = monotonic_milliseconds();
}

void
reactor_share_connections(Reactor *reactor)
{
	reactor->shares = true;
}

uint64_t
reactor_drives(const Reactor *reactor)
{
	return reactor->drives;
}

bool
reactor_shares_connections(const Reactor *reactor)
{
	return reactor->shares && !reactor->doubtful;
}

void
reactor_stop_sharing(Reactor *reactor)
{
	reactor->doubtful = true;
}

bool
reactor_doubts_names(const Reactor *reactor)
{
	return monotonic_milliseconds() < reactor->names_doubted_until;
}

bool
reactor_tunnels_for(Reactor *reactor, const char *user, const char *password)
{
	size_t length = user == NULL ? 0 : strlen(user) + 1 + strlen(password != NULL ? password : "");
	char *pair = malloc(length + 1);
	bool same;

	if (pair == NULL)
		return false;
	/* As it is sent to the proxy, so that two that look the same are the same. */
	snprintf(pair, length + 1, "%s%s%s", user != NULL ? user : "", user != NULL ? ":" : "",
			 user != NULL && password != NULL ? password : "");
	if (reactor->tunnels_of == NULL)
	{
		reactor->tunnels_of = pair;
		return true;
	}
	same = strcmp(reactor->tunnels_of, pair) == 0;
	explicit_bzero(pair, length);
	free(pair);
	return same;
}

bool
reactor_rest(Reactor *reactor)
{
	if (reactor->transfers != NULL || reactor->doubtful)
		return false;
	if (reactor->outer != NULL)
		reactor_unnest(reactor->outer, reactor);
	if (reactor->wait_depth > 0)
		reactor->resting_since = monotonic_milliseconds();
	reactor->wait_depth = 0;
	reactor_set_alarm(reactor, REACTOR_NEVER);
	return true;
}

void
reactor_discount(Reactor *reactor, int64_t milliseconds)
{
	reactor->idle_ms += milliseconds;
}

int64_t
reactor_waited(const Reactor *reactor)
{
	int64_t now = reactor->wait_depth > 0 ? monotonic_milliseconds() : reactor->resting_since;

	return now - reactor->idle_ms;
}

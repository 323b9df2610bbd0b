/*-------------------------------------------------------------------------
 *
 * multiplexer.c
 *		epoll with a timerfd, or kqueue: descriptors and one timer behind one
 *		descriptor.
 *
 * Both are level-triggered: the descriptor stays readable until what made it
 * readable has been dealt with, so no event can be lost between two polls.
 *
 *-------------------------------------------------------------------------
 */
#include "net/multiplexer.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/descriptors.h"

#if defined(__linux__)

#define DESCRIPTORS 2

#include <sys/epoll.h>
#include <sys/timerfd.h>

bool
multiplexer_open(Multiplexer *multiplexer)
{
	struct epoll_event event;

	multiplexer->timer = -1;
	multiplexer->descriptor = epoll_create1(EPOLL_CLOEXEC);
	if (multiplexer->descriptor < 0)
		return false;
	multiplexer->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	event.data.fd = multiplexer->timer;
	if (multiplexer->timer < 0 ||
		epoll_ctl(multiplexer->descriptor, EPOLL_CTL_ADD, multiplexer->timer, &event) < 0)
	{
		int error = errno;

		descriptors_count(DESCRIPTORS);
		multiplexer_close(multiplexer);
		errno = error;
		return false;
	}
	descriptors_count(DESCRIPTORS);
	return true;
}

void
multiplexer_close(Multiplexer *multiplexer)
{
	if (multiplexer->timer >= 0)
		close(multiplexer->timer);
	if (multiplexer->descriptor >= 0)
	{
		close(multiplexer->descriptor);
		descriptors_count(-DESCRIPTORS);
	}
	multiplexer->timer = -1;
	multiplexer->descriptor = -1;
}

bool
multiplexer_watch(Multiplexer *multiplexer, int descriptor, unsigned events)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.data.fd = descriptor;
	if (events & MULTIPLEXER_READ)
		event.events |= EPOLLIN;
	if (events & MULTIPLEXER_WRITE)
		event.events |= EPOLLOUT;

	if (events == 0)
	{
		/* A descriptor that was closed already has been removed. */
		return epoll_ctl(multiplexer->descriptor, EPOLL_CTL_DEL, descriptor, &event) == 0 ||
			   errno == ENOENT || errno == EBADF;
	}
	if (epoll_ctl(multiplexer->descriptor, EPOLL_CTL_ADD, descriptor, &event) == 0)
		return true;
	return errno == EEXIST &&
		   epoll_ctl(multiplexer->descriptor, EPOLL_CTL_MOD, descriptor, &event) == 0;
}

void
multiplexer_set_timer(Multiplexer *multiplexer, int64_t milliseconds)
{
	struct itimerspec spec;

	memset(&spec, 0, sizeof(spec));
	if (milliseconds >= 0)
	{
		spec.it_value.tv_sec = milliseconds / 1000;
		spec.it_value.tv_nsec = (milliseconds % 1000) * 1000000;
		if (milliseconds == 0)
			spec.it_value.tv_nsec = 1; /* all zeros would disarm it */
	}
	/* Setting the timer also takes back an expiry that was not read yet. */
	timerfd_settime(multiplexer->timer, 0, &spec, NULL);
}

int
multiplexer_poll(Multiplexer *multiplexer, MultiplexerEvent *events, int count)
{
	struct epoll_event ready[64];
	int ready_count;
	int event_count = 0;

	if (count > 63)
		count = 63;
	ready_count = epoll_wait(multiplexer->descriptor, ready, count + 1, 0);
	if (ready_count < 0)
		return errno == EINTR ? 0 : -1;
	for (int i = 0; i < ready_count && event_count < count; i++)
	{
		unsigned bits = 0;

		if (ready[i].data.fd == multiplexer->timer)
			continue;
		if (ready[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			bits |= MULTIPLEXER_READ;
		if (ready[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			bits |= MULTIPLEXER_WRITE;
		events[event_count].descriptor = ready[i].data.fd;
		events[event_count].events = bits;
		event_count++;
	}
	return event_count;
}

#else /* kqueue: macOS and the BSDs */

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

#define DESCRIPTORS 1
#define TIMER_IDENT 1

bool
multiplexer_open(Multiplexer *multiplexer)
{
	multiplexer->timer = -1;
	multiplexer->descriptor = kqueue();
	if (multiplexer->descriptor < 0)
		return false;
	descriptors_count(DESCRIPTORS);
	return true;
}

void
multiplexer_close(Multiplexer *multiplexer)
{
	if (multiplexer->descriptor >= 0)
	{
		close(multiplexer->descriptor);
		descriptors_count(-DESCRIPTORS);
	}
	multiplexer->descriptor = -1;
}

bool
multiplexer_watch(Multiplexer *multiplexer, int descriptor, unsigned events)
{
	static const struct
	{
		unsigned bit;
		int filter;
	} filters[] = { { MULTIPLEXER_READ, EVFILT_READ }, { MULTIPLEXER_WRITE, EVFILT_WRITE } };

	for (int i = 0; i < 2; i++)
	{
		struct kevent change;
		bool wanted = (events & filters[i].bit) != 0;

		EV_SET(&change, descriptor, filters[i].filter, wanted ? EV_ADD : EV_DELETE, 0, 0, NULL);
		if (kevent(multiplexer->descriptor, &change, 1, NULL, 0, NULL) < 0 && wanted)
			return false;
	}
	return true;
}

void
multiplexer_set_timer(Multiplexer *multiplexer, int64_t milliseconds)
{
	struct kevent change;

	EV_SET(&change, TIMER_IDENT, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
	(void) kevent(multiplexer->descriptor, &change, 1, NULL, 0, NULL);
	if (milliseconds < 0)
		return;
	EV_SET(&change, TIMER_IDENT, EVFILT_TIMER, EV_ADD, 0, milliseconds, NULL);
	(void) kevent(multiplexer->descriptor, &change, 1, NULL, 0, NULL);
}

int
multiplexer_poll(Multiplexer *multiplexer, MultiplexerEvent *events, int count)
{
	struct kevent ready[64];
	struct timespec now = { 0, 0 };
	int ready_count;
	int event_count = 0;

	if (count > 63)
		count = 63;
	ready_count = kevent(multiplexer->descriptor, NULL, 0, ready, count + 1, &now);
	if (ready_count < 0)
		return errno == EINTR ? 0 : -1;
	for (int i = 0; i < ready_count && event_count < count; i++)
	{
		if (ready[i].filter == EVFILT_TIMER)
			continue;
		events[event_count].descriptor = (int) ready[i].ident;
		events[event_count].events =
			ready[i].filter == EVFILT_WRITE ? MULTIPLEXER_WRITE : MULTIPLEXER_READ;
		event_count++;
	}
	return event_count;
}

#endif

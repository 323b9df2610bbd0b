/*-------------------------------------------------------------------------
 *
 * multiplexer.h
 *		epoll with a timerfd, or kqueue: descriptors and one timer behind one
 *		descriptor.  Internal to net/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_MULTIPLEXER_H
#define ADSEXPORT_MULTIPLEXER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Multiplexer
{
	int descriptor; /* -1: not open */
	int timer;      /* timerfd; unused with kqueue */
} Multiplexer;

#define MULTIPLEXER_READ 0x1
#define MULTIPLEXER_WRITE 0x2

typedef struct MultiplexerEvent
{
	int descriptor;
	unsigned events; /* MULTIPLEXER_*; both for an error condition */
} MultiplexerEvent;

extern bool multiplexer_open(Multiplexer *multiplexer);
extern void multiplexer_close(Multiplexer *multiplexer);

/* events 0 removes the descriptor. */
extern bool multiplexer_watch(Multiplexer *multiplexer, int descriptor, unsigned events);

/* Due in this many milliseconds; negative: never. */
extern void multiplexer_set_timer(Multiplexer *multiplexer, int64_t milliseconds);

/* What is ready now, without waiting; a due timer is not an event.  -1 on error. */
extern int multiplexer_poll(Multiplexer *multiplexer, MultiplexerEvent *events, int count);

#endif /* ADSEXPORT_MULTIPLEXER_H */

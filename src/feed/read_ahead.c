/*-------------------------------------------------------------------------
 *
 * read_ahead.c
 *		Download, inflate and start on the rest in a thread, beside the reader.
 *
 *-------------------------------------------------------------------------
 */
#include "feed/read_ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "feed/pump.h"
#include "net/descriptors.h"
#include "net/signals.h"

/*
 * Blocks in all: those that are worth waking a reader for (see below), one
 * that is being filled, and one or two that are being read, so that neither
 * side has to wait for the other.  More would only cost memory for each
 * download.
 */
#define BLOCK_COUNT 6

/* The reader may put back blocks of its own that it had before. */
#define QUEUE_SIZE (BLOCK_COUNT + 2)

/*
 * A waiting reader is woken for this many blocks, or for fewer when the thread
 * is about to wait, too: waking it for each would cost a twentieth of the
 * time.
 */
#define BLOCKS_WORTH_WAKING 3

/* zlib and libcurl need little; the default may be 8 MB. */
#define STACK_SIZE ((size_t) 512 * 1024)

/* A pipe that is readable while a flag is set. */
typedef struct Bell
{
	int read_end;
	int write_end;
	bool rung; /* guarded by the mutex */
} Bell;

typedef struct BlockQueue
{
	RecordBlock *blocks[QUEUE_SIZE];
	int first;
	int count;
} BlockQueue;

struct ReadAhead
{
	Reactor *reactor;
	Request *request;
	Reactor *waker; /* of the reader */
	RecordWalker *walker;
	const RecordPreparer *preparer;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work; /* tells the thread: a block was freed, or the walker */
	Bell ready;          /* tells the reader: a block, or the end */
	Bell stop;           /* tells the thread to stop */
	BlockQueue full;
	BlockQueue empty;
	RecordBlock *walking; /* of the full ones, the one the thread is walking; or NULL */
	RecordBlock *
		preparing; /* the one the thread is preparing, even if the reader has taken it since; or NULL */
	bool reader_walks;              /* the walker is the reader's */
	volatile sig_atomic_t stopping; /* a walk looks at it without the mutex */
	bool ended;
	bool retired; /* used by the reader only */
	_Atomic bool transfer_over;
	_Atomic uint64_t bytes;
	Pump pump; /* used by the thread only, as is the next: */
	size_t lent;
};

static void
queue_put(BlockQueue *queue, RecordBlock *block)
{
	queue->blocks[(queue->first + queue->count++) % QUEUE_SIZE] = block;
}

static RecordBlock *
queue_take(BlockQueue *queue)
{
	RecordBlock *block;

	if (queue->count == 0)
		return NULL;
	block = queue->blocks[queue->first];
	queue->first = (queue->first + 1) % QUEUE_SIZE;
	queue->count--;
	return block;
}

/*-------------------------------------------------------------------------
 * Bells
 *-------------------------------------------------------------------------
 */

static bool
bell_open(Bell *bell)
{
	int ends[2];

	bell->rung = false;
	bell->read_end = bell->write_end = -1;
	if (pipe(ends) < 0)
		return false;
	for (int i = 0; i < 2; i++)
	{
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
		fcntl(ends[i], F_SETFL, O_NONBLOCK);
	}
	descriptors_count(2);
	bell->read_end = ends[0];
	bell->write_end = ends[1];
	return true;
}

static void
bell_close(Bell *bell)
{
	if (bell->read_end < 0)
		return;
	close(bell->read_end);
	close(bell->write_end);
	descriptors_count(-2);
}

static void
bell_ring(Bell *bell)
{
	if (bell->rung)
		return;
	bell->rung = true;
	/* There is room: the pipe never holds more than one byte. */
	while (write(bell->write_end, "", 1) < 0 && errno == EINTR)
		;
}

static void
bell_silence(Bell *bell)
{
	char byte;

	if (!bell->rung)
		return;
	bell->rung = false;
	while (read(bell->read_end, &byte, 1) < 0 && errno == EINTR)
		;
}

/*-------------------------------------------------------------------------
 * The thread
 *-------------------------------------------------------------------------
 */

/*
 * The block to be walked or prepared next, or NULL.  Blocks are walked in
 * order.  A block with more records than it can keep is continued by the
 * reader; and large records are prepared one at a time, so that memory stays
 * bounded.
 */
static RecordBlock *
next_to_work_on(const ReadAhead *read_ahead)
{
	const BlockQueue *full = &read_ahead->full;

	for (int i = 0; i < full->count; i++)
	{
		RecordBlock *block = full->blocks[(full->first + i) % QUEUE_SIZE];
		BlockState state = record_block_state(block);

		if (state == BLOCK_NOT_WALKED)
			return read_ahead->reader_walks ? NULL : block;
		if (state == BLOCK_PARTLY_WALKED)
			return NULL;
		if (read_ahead->preparer != NULL && !record_block_was_prepared(block))
			return block;
		if (record_block_has_large(block))
			return NULL;
	}
	return NULL;
}

/* Do what is next with a block of the queue; the mutex is released meanwhile. */
static void
work_on(ReadAhead *read_ahead, RecordBlock *block)
{
	bool walk = record_block_state(block) == BLOCK_NOT_WALKED;

	if (walk)
		read_ahead->walking = block;
	else
		read_ahead->preparing = block;
	pthread_mutex_unlock(&read_ahead->mutex);
	if (walk)
		record_walker_walk(read_ahead->walker, block, &read_ahead->stopping);
	else
		record_block_prepare(block, read_ahead->preparer);
	pthread_mutex_lock(&read_ahead->mutex);
	if (walk)
		bell_ring(&read_ahead->ready);
	read_ahead->walking = read_ahead->preparing = NULL;
}

/*
 * The next block to fill, or NULL when told to stop.  While there is none, the
 * full ones are worked on.
 */
static RecordBlock *
wait_for_empty_block(ReadAhead *read_ahead)
{
	RecordBlock *block = NULL;

	pthread_mutex_lock(&read_ahead->mutex);
	while (!read_ahead->stopping && (block = queue_take(&read_ahead->empty)) == NULL)
	{
		RecordBlock *next = next_to_work_on(read_ahead);

		if (read_ahead->full.count > 0)
			bell_ring(&read_ahead->ready);
		if (next != NULL)
			work_on(read_ahead, next);
		else
			pthread_cond_wait(&read_ahead->work, &read_ahead->mutex);
	}
	pthread_mutex_unlock(&read_ahead->mutex);
	return block;
}

static void
hand_over(ReadAhead *read_ahead, RecordBlock *block, bool last)
{
	pthread_mutex_lock(&read_ahead->mutex);
	if (record_block_is_empty(block))
		queue_put(&read_ahead->empty, block);
	else
		queue_put(&read_ahead->full, block);
	read_ahead->ended = last;
	if (last || read_ahead->full.count >= BLOCKS_WORTH_WAKING)
		bell_ring(&read_ahead->ready);
	pthread_mutex_unlock(&read_ahead->mutex);
}

/*
 * Before more input: wake a reader, which may be waiting for less than it is
 * usually woken for. False when told to stop.
 */
static bool
goes_on(Pump *pump, const RecordBlock *block)
{
	ReadAhead *read_ahead = pump->owner;
	bool stopping;

	pthread_mutex_lock(&read_ahead->mutex);
	stopping = read_ahead->stopping != 0;
	if (read_ahead->full.count > 0 && record_block_is_empty(block))
		bell_ring(&read_ahead->ready);
	pthread_mutex_unlock(&read_ahead->mutex);
	return !stopping;
}

/* Lend the unpacker what has arrived; false if there is nothing new. */
static bool
lend_input(Pump *pump)
{
	ReadAhead *read_ahead = pump->owner;
	size_t length;

	request_consume(pump->request, read_ahead->lent - pump->input.available);
	pump->input.next = (const unsigned char *) request_body(pump->request, &length);
	pump->input.available = read_ahead->lent = length;
	pump->input.last = request_state(pump->request) == REQUEST_DONE;
	atomic_store(&read_ahead->bytes, request_bytes_received(pump->request));
	if (request_state(pump->request) >= REQUEST_DONE)
		atomic_store(&read_ahead->transfer_over, true);
	return length > 0 || pump->input.last;
}

/* Wait for the transfer; false when told to stop. */
static bool
wait_for_transfer(ReadAhead *read_ahead)
{
	struct pollfd descriptors[2] = { { reactor_descriptor(read_ahead->reactor), POLLIN, 0 },
									 { read_ahead->stop.read_end, POLLIN, 0 } };

	pthread_mutex_lock(&read_ahead->mutex);
	if (read_ahead->full.count > 0)
		bell_ring(&read_ahead->ready);
	pthread_mutex_unlock(&read_ahead->mutex);
	reactor_wait_begins(read_ahead->reactor);
	(void) poll(descriptors, 2, -1);
	reactor_drive(read_ahead->reactor);
	reactor_wait_ends(read_ahead->reactor);
	return descriptors[1].revents == 0;
}

/*
 * Fill a block as far as possible without keeping the reader from what is
 * already there.  Returns false when the transfer is over, one way or the
 * other, or when told to stop.
 */
static bool
fill_block(ReadAhead *read_ahead, RecordBlock *block)
{
	Supply supply;

	while ((supply = pump_fill(&read_ahead->pump, block)) == SUPPLY_NOTHING_YET)
	{
		if (!wait_for_transfer(read_ahead))
			return false;
	}
	return supply == SUPPLY_BLOCK;
}

static void *
run(void *argument)
{
	ReadAhead *read_ahead = argument;
	RecordBlock *block;
	bool more = true;

	while (more && (block = wait_for_empty_block(read_ahead)) != NULL)
	{
		more = fill_block(read_ahead, block);
		hand_over(read_ahead, block, !more);
	}
	return NULL;
}

/*-------------------------------------------------------------------------
 * The reader's side
 *-------------------------------------------------------------------------
 */

static void
free_queue(BlockQueue *queue)
{
	RecordBlock *block;

	while ((block = queue_take(queue)) != NULL)
		record_block_free(block);
}

static void
release(ReadAhead *read_ahead)
{
	free_queue(&read_ahead->full);
	free_queue(&read_ahead->empty);
	if (read_ahead->ready.read_end >= 0)
		reactor_unwatch(read_ahead->waker, read_ahead->ready.read_end);
	bell_close(&read_ahead->ready);
	bell_close(&read_ahead->stop);
	pthread_cond_destroy(&read_ahead->work);
	pthread_mutex_destroy(&read_ahead->mutex);
	free(read_ahead);
}

static bool
start_thread(ReadAhead *read_ahead)
{
	pthread_attr_t attributes;
	sigset_t saved;
	bool started;

	signals_block(&saved);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	started = pthread_create(&read_ahead->thread, &attributes, run, read_ahead) == 0;
	pthread_attr_destroy(&attributes);
	signals_restore(&saved);
	return started;
}

ReadAhead *
read_ahead_start(Reactor *reactor, Request *request, Reactor *waker, Unpacker *unpacker,
				 RecordWalker *walker, const RecordPreparer *preparer, const RecordBlock *in_use)
{
	ReadAhead *read_ahead = calloc(1, sizeof(ReadAhead));
	bool ok;

	if (read_ahead == NULL)
		return NULL;
	read_ahead->reactor = reactor;
	read_ahead->request = request;
	read_ahead->waker = waker;
	read_ahead->pump.owner = read_ahead;
	read_ahead->pump.unpacker = unpacker;
	read_ahead->pump.request = request;
	read_ahead->pump.reactor = reactor;
	read_ahead->pump.lend = lend_input;
	read_ahead->pump.goes_on = goes_on;
	read_ahead->walker = walker;
	read_ahead->preparer = preparer;
	read_ahead->reader_walks = in_use != NULL && record_block_state(in_use) != BLOCK_WALKED;
	pthread_mutex_init(&read_ahead->mutex, NULL);
	pthread_cond_init(&read_ahead->work, NULL);
	ok = bell_open(&read_ahead->ready);
	ok &= bell_open(&read_ahead->stop);
	/* Everything that can fail comes before the thread, after which there is no way back. */
	ok = ok && reactor_watch(waker, read_ahead->ready.read_end);
	for (int i = 0; ok && i < BLOCK_COUNT; i++)
	{
		RecordBlock *block = record_block_create();

		if (block == NULL)
			ok = false;
		else
			queue_put(&read_ahead->empty, block);
	}
	if (!ok || !start_thread(read_ahead))
	{
		release(read_ahead);
		return NULL;
	}
	return read_ahead;
}

RecordBlock *
read_ahead_take(ReadAhead *read_ahead)
{
	RecordBlock *block = NULL;

	pthread_mutex_lock(&read_ahead->mutex);
	if (read_ahead->full.count > 0 &&
		read_ahead->full.blocks[read_ahead->full.first] != read_ahead->walking)
		block = queue_take(&read_ahead->full);
	if (block != NULL)
	{
		/* The thread may be preparing it, and does not refill it before it is done. */
		record_block_leave(block);
		read_ahead->reader_walks = record_block_state(block) != BLOCK_WALKED;
	}
	else if (!read_ahead->ended || read_ahead->full.count > 0)
		bell_silence(&read_ahead->ready);
	pthread_mutex_unlock(&read_ahead->mutex);
	return block;
}

void
read_ahead_walked(ReadAhead *read_ahead)
{
	pthread_mutex_lock(&read_ahead->mutex);
	read_ahead->reader_walks = false;
	pthread_cond_signal(&read_ahead->work);
	pthread_mutex_unlock(&read_ahead->mutex);
}

void
read_ahead_put_back(ReadAhead *read_ahead, RecordBlock *block)
{
	if (block == NULL)
		return;
	pthread_mutex_lock(&read_ahead->mutex);
	queue_put(&read_ahead->empty, block);
	pthread_cond_signal(&read_ahead->work);
	pthread_mutex_unlock(&read_ahead->mutex);
}

bool
read_ahead_ended(ReadAhead *read_ahead)
{
	bool ended;

	pthread_mutex_lock(&read_ahead->mutex);
	ended = read_ahead->ended && read_ahead->full.count == 0;
	pthread_mutex_unlock(&read_ahead->mutex);
	return ended;
}

uint64_t
read_ahead_bytes(const ReadAhead *read_ahead)
{
	return atomic_load(&read_ahead->bytes);
}

bool
read_ahead_transfer_over(const ReadAhead *read_ahead)
{
	return atomic_load(&read_ahead->transfer_over);
}

void
read_ahead_retire(ReadAhead *read_ahead)
{
	if (read_ahead->retired)
		return;
	pthread_mutex_lock(&read_ahead->mutex);
	__atomic_store_n(&read_ahead->stopping, true, __ATOMIC_RELAXED);
	if (read_ahead->preparing != NULL)
		record_block_leave(read_ahead->preparing);
	bell_ring(&read_ahead->stop);
	pthread_cond_signal(&read_ahead->work);
	pthread_mutex_unlock(&read_ahead->mutex);
	pthread_join(read_ahead->thread, NULL);
	read_ahead->retired = read_ahead->ended = true;
	/* What was lent to the unpacker and used up must not be read again. */
	request_consume(read_ahead->request, read_ahead->lent - read_ahead->pump.input.available);
}

bool
read_ahead_retired(const ReadAhead *read_ahead)
{
	return read_ahead->retired;
}

void
read_ahead_stop(ReadAhead *read_ahead)
{
	if (read_ahead == NULL)
		return;
	read_ahead_retire(read_ahead);
	release(read_ahead);
}

/*-------------------------------------------------------------------------
 *
 * test_prepare.c
 *		Preparing the records of a block, also while another thread reads it.
 *
 * Built with ThreadSanitizer, too (make check-sanitizers).
 *
 *-------------------------------------------------------------------------
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "check.h"

#include "stream/record_block.h"
#include "stream/record_stream.h"
#include "stream/record_walker.h"

static JsonPaths *paths;

/* A block, and a preparer that may be held up. */
typedef struct Beside
{
	RecordBlock *block;
	RecordPreparer preparer;
	long prepared_count;
	int hold_at; /* go on after this many only when the reader has left; -1: never wait */
	atomic_int begun;
	atomic_bool left;
} Beside;

/* Copies the first bytes of the padding. */
static void
prepare(void *argument, const JsonValue *values, RecordArena *arena, void **prepared)
{
	Beside *beside = argument;
	uint32_t length = values[1].length < 16 ? values[1].length : 16;

	if (atomic_fetch_add(&beside->begun, 1) == beside->hold_at)
	{
		while (!atomic_load(&beside->left))
			sched_yield();
	}
	prepared[0] = NULL;
	if (arena->limit - arena->next < 16)
		return;
	memset(arena->next, 0, 16);
	memcpy(arena->next, values[1].start, length);
	prepared[0] = arena->next;
	arena->next += 16;
	beside->prepared_count++;
}

static void *
prepare_block(void *argument)
{
	Beside *beside = argument;

	record_block_prepare(beside->block, &beside->preparer);
	return NULL;
}

/* A walker, a stream and a block, with an array of records that differ from their neighbours. */
typedef struct Lab
{
	Unpacker *unpacker;
	RecordWalker *walker;
	RecordStream *stream;
	Beside beside;
} Lab;

static void
lab_create(Lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab->unpacker = unpacker_create(PACKED_GZIP);
	lab->walker = record_walker_create(paths);
	lab->stream = record_stream_create();
	lab->beside.block = record_block_create();
	lab->beside.preparer = (RecordPreparer){ prepare, &lab->beside, 1 };
	lab->beside.hold_at = -1;
}

/* Fill the block with that many records and walk it. */
static void
lab_load(Lab *lab, int first, int records)
{
	Bytes text = { 0 };
	StreamInput input = { 0 };
	StreamStatus status;

	append_text(&text, "[");
	for (int i = 0; i < records; i++)
	{
		char record[64];

		snprintf(record, sizeof(record), "%s{\"id\":%d,\"pad\":\"%0*d\"}", i > 0 ? "," : "",
				 first + i, 1 + i % 12, (first + i) % 10);
		append_text(&text, record);
	}
	append_text(&text, "]");
	input.next = text.data;
	input.available = text.length;
	input.last = true;
	unpacker_reset(lab->unpacker);
	record_stream_reset(lab->stream, PACKED_GZIP);
	record_walker_reset(lab->walker, PACKED_GZIP);
	status = record_block_fill(lab->beside.block, lab->unpacker, &input);
	while (status == STREAM_PAUSED)
		status = record_block_continue(lab->beside.block, lab->unpacker, &input);
	CHECK_NUMBER(status, STREAM_END);
	record_walker_walk(lab->walker, lab->beside.block, NULL);
	lab->beside.prepared_count = 0;
	atomic_store(&lab->beside.begun, 0);
	atomic_store(&lab->beside.left, false);
	free(text.data);
}

/*
 * Read the block from its beginning; leave it after that many records.  Returns
 * how many were prepared; each as it has to be.
 */
static long
lab_read(Lab *lab, int first, int leave, int *count)
{
	long found = 0;

	*count = 0;
	record_stream_give(lab->stream, lab->beside.block);
	while (record_stream_next(lab->stream) == STREAM_RECORD)
	{
		const JsonValue *values = record_stream_values(lab->stream);
		void *const *prepared = record_stream_prepared(lab->stream);

		CHECK_NUMBER(strtol(values[0].start, NULL, 10), first + *count);
		if (prepared != NULL && prepared[0] != NULL)
		{
			found++;
			CHECK(memcmp(prepared[0], values[1].start, values[1].length) == 0);
			CHECK(((char *) prepared[0])[values[1].length] == '\0');
		}
		if ((*count)++ == leave)
		{
			record_block_leave(lab->beside.block);
			atomic_store(&lab->beside.left, true);
		}
	}
	return found;
}

static void
lab_free(Lab *lab)
{
	(void) record_stream_return_block(lab->stream);
	record_block_free(lab->beside.block);
	record_stream_free(lab->stream);
	record_walker_free(lab->walker);
	unpacker_free(lab->unpacker);
}

static void
test_alone(void)
{
	Lab lab;
	int first;
	int count;

	begin_test("what is prepared before the block is read");
	lab_create(&lab);
	lab_load(&lab, 0, 1000);
	CHECK_NUMBER(record_block_state(lab.beside.block), BLOCK_WALKED);
	CHECK(!record_block_was_prepared(lab.beside.block));
	CHECK_NUMBER(lab_read(&lab, 0, -1, &count), 0);
	record_block_prepare(lab.beside.block, &lab.beside.preparer);
	CHECK(record_block_was_prepared(lab.beside.block));
	CHECK_NUMBER(lab_read(&lab, 0, -1, &count), 1000);

	begin_test("what was prepared of a block's former records is not found");
	lab_load(&lab, 5000, 1500);
	CHECK(!record_block_was_prepared(lab.beside.block));
	CHECK_NUMBER(lab_read(&lab, 5000, -1, &count), 0);
	CHECK_NUMBER(count, 1500);
	record_block_prepare(lab.beside.block, &lab.beside.preparer);
	CHECK_NUMBER(lab_read(&lab, 5000, -1, &count), 1500);

	begin_test("a block that was left is prepared when it was walked anew");
	lab_load(&lab, 0, 700);
	record_block_leave(lab.beside.block);
	record_block_prepare(lab.beside.block, &lab.beside.preparer);
	CHECK(record_block_was_prepared(lab.beside.block));
	CHECK_NUMBER(lab_read(&lab, 0, -1, &count), 0);
	lab_load(&lab, 7, 800);
	record_block_prepare(lab.beside.block, &lab.beside.preparer);
	CHECK_NUMBER(lab_read(&lab, 7, -1, &count), 800);

	begin_test("a block that is partly walked");
	lab_load(&lab, 0, 6000);
	CHECK_NUMBER(record_block_state(lab.beside.block), BLOCK_PARTLY_WALKED);
	record_block_leave(lab.beside.block);
	record_block_prepare(lab.beside.block, &lab.beside.preparer);
	CHECK_NUMBER(lab_read(&lab, 0, -1, &count), 0);
	record_walker_walk(lab.walker, lab.beside.block, NULL);
	CHECK_NUMBER(record_block_state(lab.beside.block), BLOCK_WALKED);
	record_block_prepare(lab.beside.block, &lab.beside.preparer);
	first = count;
	CHECK_NUMBER(lab_read(&lab, first, -1, &count), 6000 - first);
	lab_free(&lab);
}

/* The reader finds what is prepared by then, in the order of the records, and only that. */
static void
test_beside(void)
{
	begin_test("records that are prepared while they are read");
	for (int round = 0; round < 300; round++)
	{
		int records = 10 + (int) random_below(2000);
		/* After that many the reader wants no more of it; or never. */
		int leave = round % 3 == 0 ? -1 : (int) random_below((uint32_t) records);
		Lab lab;
		pthread_t thread;
		int count;
		long found;

		lab_create(&lab);
		lab_load(&lab, round, records);
		if (leave >= 0)
			lab.beside.hold_at = 1 + (int) random_below((uint32_t) records - 2);
		if (pthread_create(&thread, NULL, prepare_block, &lab.beside) != 0)
		{
			CHECK_THAT(false, "no thread can be had");
			lab_free(&lab);
			return;
		}
		/* Then the first record is prepared. */
		while (atomic_load(&lab.beside.begun) < 2)
			sched_yield();
		found = lab_read(&lab, round, leave, &count);
		CHECK_NUMBER(count, records);
		CHECK_NUMBER(pthread_join(thread, NULL), 0);
		CHECK(found > 0);
		CHECK(found <= lab.beside.prepared_count);
		if (leave < 0)
			CHECK_NUMBER(lab.beside.prepared_count, records);
		else
			CHECK(lab.beside.prepared_count <= lab.beside.hold_at + 1);
		/* Now that the thread has gone, all that it made is found. */
		CHECK_NUMBER(lab_read(&lab, round, -1, &count), lab.beside.prepared_count);
		lab_free(&lab);
	}
}

int
main(void)
{
	paths = json_paths_create();
	json_paths_add(paths, "id");
	json_paths_add(paths, "pad");
	test_alone();
	test_beside();
	json_paths_free(paths);
	return finish_tests();
}

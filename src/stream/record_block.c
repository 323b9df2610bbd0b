/*-------------------------------------------------------------------------
 *
 * record_block.c
 *		Blocks of inflated bytes: filling them, and preparing what was found there.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/record_block.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "stream/record_internal.h"

/*-------------------------------------------------------------------------
 * Filling
 *-------------------------------------------------------------------------
 */

RecordBlock *
record_block_create(void)
{
	RecordBlock *block = malloc(sizeof(RecordBlock));

	if (block != NULL)
	{
		block->large = block->arena = NULL;
		block->values = NULL;
		block->value_capacity = 0;
		block->state = BLOCK_NOT_WALKED;
		block->item_count = 0;
		block->was_prepared = false;
		atomic_init(&block->prepared_count, 0);
		atomic_init(&block->left, false);
	}
	return block;
}

void
record_block_free(RecordBlock *block)
{
	if (block == NULL)
		return;
	free(block->large);
	free(block->arena);
	free(block->values);
	free(block);
}

BlockState
record_block_state(const RecordBlock *block)
{
	return block->state;
}

bool
record_block_has_large(const RecordBlock *block)
{
	return block->large != NULL;
}

bool
record_block_was_prepared(const RecordBlock *block)
{
	return block->was_prepared;
}

void
record_block_leave(RecordBlock *block)
{
	atomic_store_explicit(&block->left, true, memory_order_relaxed);
}

bool
record_block_is_empty(const RecordBlock *block)
{
	return block->length == 0 && block->event_count == 0;
}

static void
add_event(RecordBlock *block, StreamStatus what, const char *name)
{
	BlockEvent *event = &block->events[block->event_count++];

	event->what = what;
	event->offset = (uint32_t) block->length;
	event->name = (uint32_t) block->names_length;
	event->crc = 0;
	event->length = 0;
	if (name != NULL)
	{
		size_t size = strlen(name) + 1;

		memcpy(block->names + block->names_length, name, size);
		block->names_length += size;
	}
}

static bool
has_room(const RecordBlock *block)
{
	return block->length < BLOCK_SIZE && block->event_count < MAX_EVENTS - 1 &&
		   NAMES_SIZE - block->names_length > UNZIP_MAX_NAME;
}

StreamStatus
record_block_continue(RecordBlock *block, Unpacker *unpacker, StreamInput *input)
{
	uint64_t began = unpacker_work(unpacker);
	StreamStatus status = STREAM_DATA;

	while (has_room(block))
	{
		size_t produced = 0;

		if (unpacker_work(unpacker) - began >= STREAM_WORK)
		{
			status = STREAM_PAUSED;
			break;
		}

		status = unpacker_read(unpacker, input, (unsigned char *) block_data(block) + block->length,
							   BLOCK_SIZE - block->length, &produced);
		block->length += produced;
		switch (status)
		{
			case STREAM_ENTRY_BEGIN:
				add_event(block, status, unpacker_entry_name(unpacker));
				block->events[block->event_count - 1].length = unpacker_entry_skipped(unpacker);
				break;
			case STREAM_ENTRY_END:
				add_event(block, status, NULL);
				(void) unpacker_entry_state(unpacker, &block->events[block->event_count - 1].length,
											&block->events[block->event_count - 1].crc);
				break;
			case STREAM_END:
			{
				const char *first = NULL;
				uint64_t passed_over = unpacker_passed_over(unpacker, &first);

				add_event(block, status, first);
				block->events[block->event_count - 1].length = passed_over;
				goto done;
			}
			case STREAM_ERROR:
				block->unpacker_error = *unpacker_error(unpacker);
				add_event(block, status, NULL);
				goto done;
			case STREAM_NEED_INPUT:
				goto done;
			default:
				break;
		}
		status = STREAM_DATA;
	}

done:
	block->state_known = unpacker_entry_state(unpacker, &block->entry_length, &block->crc);
	memset(block_data(block) + block->length, 0, JSON_PADDING);
	return status;
}

StreamStatus
record_block_fill(RecordBlock *block, Unpacker *unpacker, StreamInput *input)
{
	block->length = 0;
	block->event_count = 0;
	block->names_length = 0;
	block->state = BLOCK_NOT_WALKED;
	block->early_end = 0;
	free(block->large);
	block->large = NULL;
	return record_block_continue(block, unpacker, input);
}

/*-------------------------------------------------------------------------
 * Preparing
 *-------------------------------------------------------------------------
 */

void
record_block_prepare(RecordBlock *block, const RecordPreparer *preparer)
{
	/* Pointers are laid out like the items; few blocks have more records than this. */
	int most = MAX_PREPARED / preparer->slots;
	RecordArena arena;

	block->was_prepared = true;
	if (block->arena == NULL)
		block->arena = malloc(ARENA_SIZE);
	if (block->arena == NULL)
		return;
	arena.next = block->arena;
	arena.limit = block->arena + ARENA_SIZE;
	block->prepared_slots = preparer->slots;
	for (int i = 0; i < block->item_count && i < most; i++)
	{
		if (atomic_load_explicit(&block->left, memory_order_relaxed))
			return;
		if (block->items[i].what == STREAM_RECORD)
			preparer->prepare(preparer->argument, block->values + (size_t) i * block->path_count,
							  &arena, block->prepared + (size_t) i * preparer->slots);
		/* A reader that sees this also sees what was written before. */
		atomic_store_explicit(&block->prepared_count, i + 1, memory_order_release);
	}
}

/*-------------------------------------------------------------------------
 *
 * test_records.c
 *		From bytes to records: blocks, records across blocks, archives.
 *
 *-------------------------------------------------------------------------
 */
#include "gzip_build.h"

#include "stream/crc32.h"
#include "stream/record_block.h"
#include "stream/record_stream.h"
#include "stream/record_walker.h"

/* Blocks that are filled before the stream wants them, at most. */
#define MAX_AHEAD 5

static JsonPaths *paths;

/* {"id":N,"pad":"xxx"} with length bytes of padding, which are slow to read. */
static void
append_record(Bytes *bytes, long id, size_t length)
{
	char start[64];
	size_t before;

	snprintf(start, sizeof(start), "{\"id\":%ld,\"pad\":\"", id);
	append_text(bytes, start);
	before = bytes->length;
	for (size_t i = 0; i < length; i++)
	{
		if (i % 67 == 16 && i + 1 < length)
		{
			append(bytes, "\\n", 2);
			i++;
		}
		else
			append(bytes, i % 61 == 7 ? "}" : (i % 53 == 5 ? "," : "x"), 1);
	}
	CHECK(bytes->length == before + length);
	append_text(bytes, "\"}");
}

typedef struct Archive
{
	Bytes bytes;
	Bytes directory;
	int entries;
} Archive;

static void
add_entry(Archive *archive, const char *name, const Bytes *content)
{
	uint32_t crc = (uint32_t) crc32(0, content->data, (uInt) content->length);
	size_t offset = archive->bytes.length;
	Bytes common = { 0 };

	append_number(&common, 20, 2);
	append_number(&common, 0, 2);
	append_number(&common, 0, 2);
	append_number(&common, 0, 4);
	append_number(&common, crc, 4);
	append_number(&common, content->length, 4);
	append_number(&common, content->length, 4);
	append_number(&common, strlen(name), 2);
	append_number(&common, 0, 2);

	append_number(&archive->bytes, 0x04034b50, 4);
	append_bytes(&archive->bytes, &common);
	append_text(&archive->bytes, name);
	append_bytes(&archive->bytes, content);

	append_number(&archive->directory, 0x02014b50, 4);
	append_number(&archive->directory, 20, 2);
	append_bytes(&archive->directory, &common);
	append_number(&archive->directory, 0, 2);
	append_number(&archive->directory, 0, 2);
	append_number(&archive->directory, 0, 2);
	append_number(&archive->directory, 0, 4);
	append_number(&archive->directory, offset, 4);
	append_text(&archive->directory, name);
	archive->entries++;
	free(common.data);
}

static void
close_archive(Archive *archive)
{
	size_t offset = archive->bytes.length;

	append_bytes(&archive->bytes, &archive->directory);
	append_number(&archive->bytes, 0x06054b50, 4);
	append_number(&archive->bytes, 0, 4);
	append_number(&archive->bytes, archive->entries, 2);
	append_number(&archive->bytes, archive->entries, 2);
	append_number(&archive->bytes, archive->directory.length, 4);
	append_number(&archive->bytes, offset, 4);
	append_number(&archive->bytes, 0, 2);
	free(archive->directory.data);
}

/* Prepares a copy of the first bytes of the padding, as far as the arena goes. */
static void
prepare_padding(void *argument, const JsonValue *values, RecordArena *arena, void **prepared)
{
	long *prepared_count = argument;
	uint32_t length = values[1].length < 16 ? values[1].length : 16;

	prepared[0] = NULL;
	if (arena->limit - arena->next < 24)
		return;
	if (length > 0)
		memcpy(arena->next, values[1].start, length);
	memset(arena->next + length, 0, 24 - length);
	prepared[0] = arena->next;
	arena->next += 24;
	(*prepared_count)++;
}

/* Blocks on their way from the unpacker to the stream. */
typedef struct Pipeline
{
	Unpacker *unpacker;
	RecordWalker *walker;
	const RecordPreparer *preparer; /* or NULL */
	StreamInput input;
	size_t left;
	size_t piece;
	bool ended;
	RecordBlock *blocks[MAX_AHEAD]; /* filled, the first of them walked */
	int count;
	int walked;
} Pipeline;

static void
fill_next_block(Pipeline *pipeline)
{
	RecordBlock *block = record_block_create();
	StreamStatus status = record_block_fill(block, pipeline->unpacker, &pipeline->input);

	while (status == STREAM_PAUSED || (status == STREAM_NEED_INPUT && !pipeline->input.last))
	{
		size_t next = status == STREAM_PAUSED ? 0 : 1 + random_below((uint32_t) pipeline->piece);

		if (next > pipeline->left)
			next = pipeline->left;
		pipeline->input.available += next;
		pipeline->left -= next;
		pipeline->input.last = pipeline->left == 0;
		status = record_block_continue(block, pipeline->unpacker, &pipeline->input);
		if (!record_block_is_empty(block) && random_below(4) == 0)
			break;
	}
	pipeline->ended = status == STREAM_END || status == STREAM_ERROR;
	pipeline->blocks[pipeline->count++] = block;
}

/* Prepare the records of a block, or not, or when nobody wants them any more. */
static void
maybe_prepare(Pipeline *pipeline, RecordBlock *block)
{
	if (pipeline->preparer == NULL || random_below(2) == 0)
		return;
	CHECK(!record_block_was_prepared(block));
	if (random_below(8) == 0)
		record_block_leave(block);
	record_block_prepare(block, pipeline->preparer);
	CHECK(record_block_was_prepared(block));
}

/* How often a walk was given up. */
static long given_up;

/* Walk a block; now and then somebody is in a hurry. */
static void
walk_block(RecordWalker *walker, RecordBlock *block)
{
	volatile sig_atomic_t stop = random_below(2) == 0;

	record_walker_walk(walker, block, &stop);
	if (stop && record_block_state(block) == BLOCK_PARTLY_WALKED)
		given_up++;
}

/* Walk the next block ahead of the stream, as the thread does: never behind one that is only partly walked. */
static void
walk_next_block(Pipeline *pipeline)
{
	int last = pipeline->walked - 1;

	if (last >= 0 && record_block_state(pipeline->blocks[last]) != BLOCK_WALKED)
		return;
	if (pipeline->walked < pipeline->count)
	{
		RecordBlock *block = pipeline->blocks[pipeline->walked++];

		walk_block(pipeline->walker, block);
		maybe_prepare(pipeline, block);
	}
}

/* Give the stream what it wants next; false when there is nothing any more. */
static bool
supply(Pipeline *pipeline, RecordStream *stream)
{
	RecordBlock *block = record_stream_block(stream);

	if (block != NULL && record_block_state(block) == BLOCK_PARTLY_WALKED)
	{
		walk_block(pipeline->walker, block);
		maybe_prepare(pipeline, block);
		record_stream_give(stream, block);
		return true;
	}
	record_block_free(record_stream_return_block(stream));
	while (!pipeline->ended && pipeline->count < MAX_AHEAD &&
		   (pipeline->count == 0 || random_below(3) > 0))
		fill_next_block(pipeline);
	while (pipeline->walked < pipeline->count && random_below(3) > 0)
		walk_next_block(pipeline);
	if (pipeline->count == 0)
		return false;
	if (pipeline->walked == 0)
		walk_next_block(pipeline);
	block = pipeline->blocks[0];
	memmove(pipeline->blocks, pipeline->blocks + 1, sizeof(block) * (size_t) --pipeline->count);
	pipeline->walked--;
	record_stream_give(stream, block);
	/* What is walked behind a block that is not done would be walked out of order. */
	if (record_block_state(block) != BLOCK_WALKED)
		CHECK_NUMBER(pipeline->walked, 0);
	return true;
}

/*
 * Read all of it, the input in pieces of at most piece bytes, blocks given
 * away half full now and then, and walked more or less ahead.  Checks that the
 * ids count up from 0 and that each padding has the length that lengths says.
 * Returns the last status.
 */
static StreamStatus
read_all(PackingKind kind, const Bytes *bytes, size_t piece, const size_t *lengths, long *count,
		 long *entries, char *message)
{
	long prepared_count = 0;
	RecordPreparer preparer = { prepare_padding, &prepared_count, 1 };
	Pipeline pipeline = { 0 };
	RecordStream *stream = record_stream_create();
	StreamStatus status;
	long found_prepared = 0;

	pipeline.unpacker = unpacker_create(kind);
	pipeline.walker = record_walker_create(paths);
	pipeline.preparer = &preparer;
	pipeline.input.next = bytes->data;
	pipeline.left = bytes->length;
	pipeline.piece = piece;
	*count = *entries = 0;
	record_stream_reset(stream, kind);
	record_walker_reset(pipeline.walker, kind);
	for (;;)
	{
		status = record_stream_next(stream);
		if (status == STREAM_RECORD)
		{
			const JsonValue *values = record_stream_values(stream);
			void *const *prepared = record_stream_prepared(stream);

			if (!CHECK_THAT(strtol(values[0].start, NULL, 10) == *count, "record %ld is %.10s",
							*count, values[0].start) ||
				(lengths != NULL &&
				 !CHECK_THAT(values[1].length == lengths[*count], "record %ld has %u bytes", *count,
							 values[1].length)))
				break;
			if (prepared != NULL && prepared[0] != NULL)
			{
				size_t length = values[1].length < 16 ? values[1].length : 16;

				found_prepared++;
				if (length > 0 &&
					!CHECK_THAT(memcmp(prepared[0], values[1].start, length) == 0,
								"what was prepared of record %ld is another's", *count))
					break;
			}
			(*count)++;
			CHECK_NUMBER(record_stream_number(stream), *count);
		}
		else if (status == STREAM_ENTRY_BEGIN)
			(*entries)++;
		else if (status == STREAM_ENTRY_END)
			CHECK(record_stream_entry_length(stream) <= record_stream_bytes(stream));
		else if (status != STREAM_NEED_INPUT || !supply(&pipeline, stream))
			break;
	}
	if (status == STREAM_END)
		CHECK_NUMBER(found_prepared, prepared_count);
	snprintf(message, 256, "%s", record_stream_error(stream)->message);
	record_block_free(record_stream_return_block(stream));
	for (int i = 0; i < pipeline.count; i++)
		record_block_free(pipeline.blocks[i]);
	record_stream_free(stream);
	record_walker_free(pipeline.walker);
	unpacker_free(pipeline.unpacker);
	return status;
}

static void
test_array(const char *name, int records, size_t longest, size_t piece)
{
	size_t *lengths = malloc(sizeof(size_t) * (size_t) records);
	Bytes text = { 0 };
	Bytes gzip = { 0 };
	long count;
	long entries;
	char message[256];

	begin_test(name);
	append_text(&text, "[");
	for (int i = 0; i < records; i++)
	{
		lengths[i] = random_below((uint32_t) longest);
		if (i > 0)
			append_text(&text, ",");
		append_record(&text, i, lengths[i]);
	}
	append_text(&text, "]");
	append_gzip_with_flags(&gzip, text.data, text.length, 0);
	CHECK_NUMBER(read_all(PACKED_GZIP, &gzip, piece, lengths, &count, &entries, message),
				 STREAM_END);
	CHECK_NUMBER(count, records);
	CHECK_NUMBER(entries, 0);
	/* Not compressed at all, too. */
	CHECK_NUMBER(read_all(PACKED_GZIP, &text, piece, lengths, &count, &entries, message),
				 STREAM_END);
	CHECK_NUMBER(count, records);
	/* A byte short is never complete. */
	gzip.length--;
	CHECK_NUMBER(read_all(PACKED_GZIP, &gzip, piece, lengths, &count, &entries, message),
				 STREAM_ERROR);
	CHECK(message[0] != '\0');
	free(text.data);
	free(gzip.data);
	free(lengths);
}

static void
test_archive(const char *name, int entry_count, int records_each, size_t longest, size_t piece)
{
	Archive archive = { { 0 }, { 0 }, 0 };
	long id = 0;
	size_t *lengths = malloc(sizeof(size_t) * (size_t) (entry_count * records_each + 1));
	long count;
	long entries;
	char message[256];

	begin_test(name);
	for (int i = 0; i < entry_count; i++)
	{
		Bytes text = { 0 };
		Bytes gzip = { 0 };
		char file[64];
		int records = records_each > 0 ? (int) random_below((uint32_t) records_each + 1) : 0;

		append(&text, "", 0);
		for (int j = 0; j < records; j++)
		{
			lengths[id] = random_below((uint32_t) longest);
			append_record(&text, id, lengths[id]);
			id++;
			/* The last line may or may not be ended. */
			if (j < records - 1 || i % 2 == 0)
				append_text(&text, i % 3 == 0 ? "\r\n" : "\n");
		}
		append_gzip_with_flags(&gzip, text.data != NULL ? (char *) text.data : "", text.length, 0);
		snprintf(file, sizeof(file), "1/1_2025-01-01_%d#0.json.gz", i);
		add_entry(&archive, file, &gzip);
		free(text.data);
		free(gzip.data);
	}
	close_archive(&archive);
	CHECK_NUMBER(read_all(PACKED_ZIP, &archive.bytes, piece, lengths, &count, &entries, message),
				 STREAM_END);
	CHECK_NUMBER(count, id);
	CHECK_NUMBER(entries, entry_count);
	archive.bytes.length -= 1 + random_below(200);
	CHECK_NUMBER(read_all(PACKED_ZIP, &archive.bytes, piece, lengths, &count, &entries, message),
				 STREAM_ERROR);
	CHECK(message[0] != '\0');
	free(archive.bytes.data);
	free(lengths);
}

static void
test_broken(void)
{
	static const char *const texts[] = { "",
										 "[",
										 "[{\"id\":0}",
										 "[{\"id\":0},",
										 "{\"id\":0}",
										 "[{\"id\":0}]x",
										 "[{\"id\":0}}]",
										 "[7]",
										 "<html>" };
	char message[256];
	long count;
	long entries;

	begin_test("content that is not an array of objects");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Bytes gzip = { 0 };

		append_gzip(&gzip, texts[i]);
		CHECK_THAT(read_all(PACKED_GZIP, &gzip, 3, NULL, &count, &entries, message) == STREAM_ERROR,
				   "\"%s\" is accepted", texts[i]);
		free(gzip.data);
	}

	begin_test("a record over the limit");
	{
		Bytes text = { 0 };

		append_text(&text, "[");
		append_record(&text, 0, JSON_MAX_RECORD + 10);
		append_text(&text, "]");
		CHECK_NUMBER(read_all(PACKED_GZIP, &text, 1000000, NULL, &count, &entries, message),
					 STREAM_ERROR);
		CHECK_CONTAINS(message, "larger");
		free(text.data);
	}
}

/*-------------------------------------------------------------------------
 * Archives that break and are read again
 *-------------------------------------------------------------------------
 */

#define MAX_IDS 4000

typedef struct Files
{
	int count;
	Bytes *texts;
	long ids;
} Files;

/* An archive of the files in another order, packed in another way each time. */
static void
build_archive(const Files *files, Archive *archive)
{
	int *order = malloc(sizeof(int) * (size_t) files->count);

	memset(archive, 0, sizeof(*archive));
	for (int i = 0; i < files->count; i++)
		order[i] = i;
	for (int i = files->count - 1; i > 0; i--)
	{
		int j = (int) random_below((uint32_t) i + 1);
		int swapped = order[i];

		order[i] = order[j];
		order[j] = swapped;
	}
	for (int i = 0; i < files->count; i++)
	{
		const Bytes *text = &files->texts[order[i]];
		Bytes gzip = { 0 };
		char name[64];
		size_t half = random_below((uint32_t) text->length + 1);
		const unsigned char *data = text->data != NULL ? text->data : (const unsigned char *) "";

		append_gzip_with_flags(&gzip, data, half, 0);
		append_gzip_with_flags(&gzip, data + half, text->length - half, 0);
		snprintf(name, sizeof(name), "1/1_2025-01-01_%d#0.json.gz", order[i]);
		add_entry(archive, name, &gzip);
		free(gzip.data);
	}
	close_archive(archive);
	free(order);
}

typedef struct Again
{
	DeliveredEntries *delivered;
	int *seen; /* by id */
	long ids;
	long records;
	bool invented; /* an id that there is not, because it was corrupted */
	StreamErrorKind kind;
	bool known; /* where it broke */
} Again;

/* Read until the end or an error, of which everything that was delivered is noted. */
static StreamStatus
read_some(Again *again, const Bytes *bytes, size_t piece, bool first, long doubt_after)
{
	Pipeline pipeline = { 0 };
	RecordStream *stream = record_stream_create();
	RecordPosition position = { 0 };
	StreamStatus status;

	pipeline.unpacker = unpacker_create(PACKED_ZIP);
	pipeline.walker = record_walker_create(paths);
	pipeline.input.next = bytes->data;
	pipeline.left = bytes->length;
	pipeline.piece = piece;
	record_stream_reset(stream, PACKED_ZIP);
	record_walker_reset(pipeline.walker, PACKED_ZIP);
	if (!first)
	{
		delivered_entries_begin_again(again->delivered);
		CHECK(unpacker_read_again(pipeline.unpacker, again->delivered));
	}
	for (;;)
	{
		status = record_stream_next(stream);
		if (status == STREAM_RECORD)
		{
			const JsonValue *values = record_stream_values(stream);
			long id = values[0].start != NULL ? strtol(values[0].start, NULL, 10) : -1;

			if (doubt_after-- == 0)
			{
				/* As if its values could not be read: it was not handed out. */
				position = record_stream_position(stream, true);
				break;
			}
			again->records++;
			if (id < 0 || id >= again->ids)
				again->invented = true;
			else
				again->seen[id]++;
			CHECK(record_stream_position(stream, false).inside);
		}
		else if (status == STREAM_ENTRY_END)
			delivered_entries_note(again->delivered, record_stream_entry(stream),
								   record_stream_entry_length(stream),
								   record_stream_entry_crc(stream), true);
		else if (status == STREAM_NEED_INPUT && supply(&pipeline, stream))
			continue;
		else if (status != STREAM_ENTRY_BEGIN)
		{
			position = record_stream_position(stream, false);
			break;
		}
	}
	again->known = position.known || status == STREAM_END;
	if (status != STREAM_END && position.inside && position.offset > 0)
		delivered_entries_note(again->delivered, record_stream_entry(stream), position.offset,
							   position.crc, false);
	CHECK(delivered_entries_is_complete(again->delivered));
	again->kind = record_stream_error(stream)->kind;
	record_block_free(record_stream_return_block(stream));
	for (int i = 0; i < pipeline.count; i++)
		record_block_free(pipeline.blocks[i]);
	record_stream_free(stream);
	record_walker_free(pipeline.walker);
	unpacker_free(pipeline.unpacker);
	return status;
}

typedef enum Harm
{
	HARM_CUT,
	HARM_BYTE,
	HARM_DOUBT
} Harm;

/*
 * Break it some times, then let it be; each record must have come once, or it
 * must be given up: what was handed out was corrupt already.
 */
static void
test_again(const char *name, int file_count, int records_each, size_t longest, size_t piece,
		   Harm harm, int rounds, int most_given_up)
{
	int given_up = 0;

	begin_test(name);
	for (int round = 0; round < rounds; round++)
	{
		Files files = { file_count, calloc((size_t) file_count, sizeof(Bytes)), 0 };
		Again again = {
			delivered_entries_create(), calloc(MAX_IDS, sizeof(int)), 0, 0, false, 0, false
		};
		StreamStatus status = STREAM_ERROR;
		int breaks = 1 + (int) random_below(3);
		bool wrong = false;

		for (int i = 0; i < file_count; i++)
		{
			int records = (int) random_below((uint32_t) records_each + 1);

			for (int j = 0; j < records && files.ids < MAX_IDS; j++)
			{
				append_record(&files.texts[i], files.ids++, random_below((uint32_t) longest));
				if (j < records - 1 || i % 2 == 0)
					append_text(&files.texts[i], "\n");
			}
		}
		again.ids = files.ids;
		for (int attempt = 0; attempt <= breaks; attempt++)
		{
			Archive archive;
			long doubt_after = -1;

			build_archive(&files, &archive);
			if (attempt < breaks && harm == HARM_CUT)
				archive.bytes.length = random_below((uint32_t) archive.bytes.length);
			if (attempt < breaks && harm == HARM_BYTE)
				archive.bytes.data[random_below((uint32_t) archive.bytes.length)] ^=
					(unsigned char) (1 + random_below(255));
			if (attempt < breaks && harm == HARM_DOUBT)
				doubt_after = (long) random_below((uint32_t) files.ids + 1);
			status = read_some(&again, &archive.bytes, piece, attempt == 0, doubt_after);
			free(archive.bytes.data);
			if (status == STREAM_END || again.kind == STREAM_ERROR_CHANGED || !again.known)
				break;
		}
		for (long id = 0; id < files.ids; id++)
			wrong |= again.seen[id] != 1;
		wrong |= again.invented || again.records != files.ids;
		if (status == STREAM_END)
			CHECK_THAT(!wrong, "round %d: records are missing or came twice", round);
		else
		{
			CHECK_THAT(harm != HARM_CUT, "round %d: gave up", round);
			given_up++;
		}
		for (int i = 0; i < file_count; i++)
			free(files.texts[i].data);
		free(files.texts);
		free(again.seen);
		delivered_entries_free(again.delivered);
	}
	CHECK_THAT(given_up <= most_given_up, "gave up %d times of %d", given_up, rounds);
}

static void
test_changed(void)
{
	static const int changes[] = { 0, 1, 2 };

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		Bytes texts[2] = { { 0 }, { 0 } };
		Files files = { 2, texts, 20 };
		Again again = {
			delivered_entries_create(), calloc(MAX_IDS, sizeof(int)), 20, 0, false, 0, false
		};
		Archive archive;

		begin_test(i == 0 ? "an entry that is not the same any more"
						  : (i == 1 ? "a beginning that is not" : "an entry that is missing"));
		for (long id = 0; id < 20; id++)
		{
			append_record(&texts[id / 10], id, 10);
			append_text(&texts[id / 10], "\n");
		}
		build_archive(&files, &archive);
		CHECK_NUMBER(read_some(&again, &archive.bytes, 100, true, changes[i] == 1 ? 5 : 15),
					 STREAM_RECORD);
		free(archive.bytes.data);
		if (changes[i] == 2)
		{
			memset(&archive, 0, sizeof(archive));
			close_archive(&archive);
		}
		else
		{
			/* Other padding, the same ids and lengths. */
			for (int j = 0; j < 2; j++)
				memchr(texts[j].data, 'x', texts[j].length)
					? *(char *) memchr(texts[j].data, 'x', texts[j].length) = 'y'
					: 0;
			build_archive(&files, &archive);
		}
		CHECK_NUMBER(read_some(&again, &archive.bytes, 100, false, -1), STREAM_ERROR);
		CHECK_NUMBER(again.kind, STREAM_ERROR_CHANGED);
		free(archive.bytes.data);
		free(texts[0].data);
		free(texts[1].data);
		free(again.seen);
		delivered_entries_free(again.delivered);
	}
}

static void
test_delivered(void)
{
	DeliveredEntries *delivered = delivered_entries_create();
	DeliveredEntry entry;
	char name[32];

	begin_test("as many entries as are remembered");
	for (int i = 0; i < DELIVERED_MAX_ENTRIES; i++)
	{
		snprintf(name, sizeof(name), "entry %d", i);
		delivered_entries_note(delivered, name, (uint64_t) i, (uint32_t) i, true);
	}
	CHECK(delivered_entries_is_complete(delivered));
	delivered_entries_begin_again(delivered);
	CHECK_NUMBER(delivered_entries_missing(delivered), DELIVERED_MAX_ENTRIES);
	CHECK(delivered_entries_meet(delivered, "entry 4711", &entry));
	CHECK_NUMBER(entry.length, 4711);
	CHECK(!delivered_entries_meet(delivered, "entry 4711", &entry));
	CHECK(!delivered_entries_meet(delivered, "entry", &entry));
	CHECK_NUMBER(delivered_entries_missing(delivered), DELIVERED_MAX_ENTRIES - 1);
	begin_test("more than are remembered");
	delivered_entries_note(delivered, "one more", 1, 1, true);
	CHECK(!delivered_entries_is_complete(delivered));
	delivered_entries_clear(delivered);
	CHECK(delivered_entries_is_complete(delivered));

	begin_test("two entries of one name");
	delivered_entries_note(delivered, "a", 1, 11, true);
	delivered_entries_note(delivered, "a", 2, 22, true);
	delivered_entries_begin_again(delivered);
	CHECK(delivered_entries_meet(delivered, "a", &entry) &&
		  delivered_entries_meet(delivered, "a", &entry));
	CHECK(!delivered_entries_meet(delivered, "a", &entry));
	CHECK_NUMBER(delivered_entries_missing(delivered), 0);

	/* Each would look at all before it otherwise: billions of looks. */
	begin_test("more entries of one name than are looked at");
	delivered_entries_clear(delivered);
	for (int i = 0; i < 500; i++)
		delivered_entries_note(delivered, "a", (uint64_t) i, (uint32_t) i, true);
	CHECK(delivered_entries_is_complete(delivered));
	for (int i = 500; i < 5000; i++)
		delivered_entries_note(delivered, "a", (uint64_t) i, (uint32_t) i, true);
	CHECK(!delivered_entries_is_complete(delivered));
	CHECK(!delivered_entries_meet(delivered, "b", &entry));
	delivered_entries_free(delivered);
}

static void
test_crc(void)
{
	unsigned char bytes[3000];

	begin_test("checksum of a beginning");
	for (int i = 0; i < 300; i++)
	{
		size_t length = random_below(sizeof(bytes));
		size_t first = random_below((uint32_t) length + 1);
		uint32_t both;

		for (size_t j = 0; j < length; j++)
			bytes[j] = (unsigned char) random_below(256);
		both = (uint32_t) crc32(0, bytes, (uInt) length);
		CHECK_NUMBER(stream_crc32_remove_end(both, stream_crc32(0, bytes + first, length - first),
											 length - first),
					 (uint32_t) crc32(0, bytes, (uInt) first));
	}
}

int
main(void)
{
	paths = json_paths_create();
	json_paths_add(paths, "id");
	json_paths_add(paths, "pad");

	test_array("small records", 20000, 200, 5000);
	test_array("small records in tiny pieces", 2000, 100, 3);
	test_array("records around the size of the headroom", 200, 140000, 50000);
	test_array("records larger than a block", 30, 1500000, 100000);
	given_up = 0;
	test_array("records whose walk is given up", 10, 5000000, 300000);
	CHECK_THAT(given_up >= 3, "%ld were", given_up);
	test_array("more records than a walk keeps", 60000, 1, 100000);
	test_array("one record", 1, 10, 7);
	test_array("no record", 0, 10, 7);
	test_archive("many small entries", 3000, 3, 50, 1000);
	test_archive("empty entries", 1000, 0, 10, 100);
	test_archive("entries in tiny pieces", 60, 5, 50, 2);
	test_archive("large entries", 6, 400, 5000, 60000);
	test_archive("entries with large records", 20, 5, 400000, 60000);
	test_broken();
	test_crc();
	test_delivered();
	test_changed();
	test_again("archives that are cut", 30, 20, 300, 500, HARM_CUT, 60, 0);
	test_again("archives that are cut, in tiny pieces", 10, 5, 60, 3, HARM_CUT, 60, 0);
	test_again("archives with large entries that are cut", 3, 400, 5000, 60000, HARM_CUT, 8, 0);
	test_again("archives with large records that are cut", 4, 8, 700000, 60000, HARM_CUT, 8, 0);
	test_again("archives that are corrupt", 30, 20, 300, 500, HARM_BYTE, 120, 60);
	test_again("archives with large entries that are corrupt", 3, 400, 5000, 60000, HARM_BYTE, 32,
			   29);
	test_again("records that are doubted", 30, 20, 300, 500, HARM_DOUBT, 60, 0);
	test_again("large records that are doubted", 4, 8, 700000, 60000, HARM_DOUBT, 8, 0);
	json_paths_free(paths);
	return finish_tests();
}

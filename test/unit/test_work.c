/*-------------------------------------------------------------------------
 *
 * test_work.c
 *		No call of stream/ does more than a constant amount of work, and what
 *		could go on for ever without content comes to an end.
 *
 * The input never ends: a beginning, then the same bytes again and again.  What
 * is inflated is counted where that is done (ld --wrap), so that it is counted
 * whether or not anything comes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "stream/crc32.h"
#include "stream/unpack.h"
#include "stream/gunzip.h"
#include "stream/inflater.h"
#include "stream/record_block.h"
#include "stream/record_stream.h"
#include "stream/record_walker.h"
#include "stream/unzip.h"
#include "zip_build.h"

/* What one call may do, with what it had begun when it was enough. */
#define MOST_INFLATED (2 * STREAM_WORK)
#define MOST_TAKEN (2 * STREAM_MAX_TAKEN)

/* No limit is so far away. */
#define MOST_IN_ALL (UINT64_C(3) << 30)

/* What is lent at a time: as much as may have arrived. */
#define LENT ((size_t) 4 * 1024 * 1024)

static uint64_t inflated;

extern InflaterResult
__real_inflater_run(Inflater *inflater, StreamInput *input, unsigned char *output,
					size_t output_size, size_t *produced);

InflaterResult __wrap_inflater_run(Inflater *inflater, StreamInput *input, unsigned char *output,
								   size_t output_size, size_t *produced);

InflaterResult
__wrap_inflater_run(Inflater *inflater, StreamInput *input, unsigned char *output,
					size_t output_size, size_t *produced)
{
	InflaterResult result = __real_inflater_run(inflater, input, output, output_size, produced);

	inflated += *produced;
	return result;
}

static uint64_t checked; /* bytes whose checksum was taken */

extern uint32_t __real_stream_crc32(uint32_t crc, const unsigned char *bytes, size_t length);

uint32_t __wrap_stream_crc32(uint32_t crc, const unsigned char *bytes, size_t length);

uint32_t
__wrap_stream_crc32(uint32_t crc, const unsigned char *bytes, size_t length)
{
	checked += length;
	return __real_stream_crc32(crc, bytes, length);
}

/*-------------------------------------------------------------------------
 * Input without end
 *-------------------------------------------------------------------------
 */
typedef struct Endless
{
	Bytes head;
	Bytes cycle;
	Bytes lent;
	StreamInput input;
	bool begun;
} Endless;

/* Called when all that was lent was taken. */
static void
lend_more(Endless *endless)
{
	Bytes *lent = &endless->lent;

	if (!endless->begun || lent->length == endless->head.length)
	{
		lent->length = 0;
		if (!endless->begun)
			append_bytes(lent, &endless->head);
		while (endless->begun && lent->length < LENT)
			append_bytes(lent, &endless->cycle);
	}
	endless->begun = true;
	endless->input.next = lent->data;
	endless->input.available = lent->length;
}

static void
clear_endless(Endless *endless)
{
	free(endless->head.data);
	free(endless->cycle.data);
	free(endless->lent.data);
	memset(endless, 0, sizeof(*endless));
}

/* The work of one call, and of all. */
typedef struct Work
{
	uint64_t inflated_before;
	size_t available_before;
	uint64_t calls;
	uint64_t taken;
	uint64_t most_taken;
	uint64_t most_inflated;
} Work;

static void
begin_call(Work *work, const StreamInput *input)
{
	work->inflated_before = inflated;
	work->available_before = input->available;
}

static void
end_call(Work *work, const StreamInput *input)
{
	uint64_t taken = work->available_before - input->available;
	uint64_t more = inflated - work->inflated_before;

	work->calls++;
	work->taken += taken;
	if (taken > work->most_taken)
		work->most_taken = taken;
	if (more > work->most_inflated)
		work->most_inflated = more;
}

static bool
goes_on_for_ever(const Work *work)
{
	return !CHECK_THAT(work->taken + inflated < MOST_IN_ALL && work->calls < 50000000,
					   "it goes on and on");
}

static void
check_work(const Work *work, const StreamError *error, const char *message)
{
	CHECK_THAT(work->most_taken <= MOST_TAKEN, "a call takes %llu bytes",
			   (unsigned long long) work->most_taken);
	CHECK_THAT(work->most_inflated <= MOST_INFLATED, "a call inflates %llu bytes",
			   (unsigned long long) work->most_inflated);
	CHECK_CONTAINS(error->message, message);
}

static unsigned char output[65536];

static void
read_gunzip(Endless *endless, const char *message)
{
	Gunzip *gunzip = gunzip_create();
	Work work = { 0 };
	StreamStatus status;

	inflated = 0;
	do
	{
		size_t produced;

		if (endless->input.available == 0)
			lend_more(endless);
		begin_call(&work, &endless->input);
		status = gunzip_read(gunzip, &endless->input, output, sizeof(output), &produced);
		end_call(&work, &endless->input);
	} while ((status == STREAM_DATA || status == STREAM_NEED_INPUT) && !goes_on_for_ever(&work));
	CHECK_NUMBER(status, STREAM_ERROR);
	check_work(&work, gunzip_error(gunzip), message);
	gunzip_free(gunzip);
}

static void
read_unzip(Endless *endless, const char *message)
{
	Unzip *unzip = unzip_create();
	Work work = { 0 };
	StreamStatus status;

	inflated = 0;
	do
	{
		size_t produced;

		if (endless->input.available == 0)
			lend_more(endless);
		begin_call(&work, &endless->input);
		status = unzip_read(unzip, &endless->input, output, sizeof(output), &produced);
		end_call(&work, &endless->input);
	} while (status != STREAM_END && status != STREAM_ERROR && !goes_on_for_ever(&work));
	CHECK_NUMBER(status, STREAM_ERROR);
	check_work(&work, unzip_error(unzip), message);
	unzip_free(unzip);
}

/* The same by way of blocks, and read twice: the second time what is known is left out. */
static void
read_blocks(Endless *endless, PackingKind kind, DeliveredEntries *known)
{
	Unpacker *unpacker = unpacker_create(kind);
	RecordBlock *block = record_block_create();
	Work work = { 0 };
	StreamStatus status = STREAM_DATA;

	inflated = 0;
	if (known != NULL)
		unpacker_read_again(unpacker, known);
	do
	{
		if (endless->input.available == 0)
			lend_more(endless);
		begin_call(&work, &endless->input);
		if (status == STREAM_DATA)
			status = record_block_fill(block, unpacker, &endless->input);
		else
			status = record_block_continue(block, unpacker, &endless->input);
		end_call(&work, &endless->input);
	} while (status != STREAM_END && status != STREAM_ERROR && work.taken < 20000000 &&
			 inflated < 200000000 && !goes_on_for_ever(&work));
	check_work(&work, unpacker_error(unpacker), "");
	record_block_free(block);
	unpacker_free(unpacker);
}

/*-------------------------------------------------------------------------
 * What goes on for ever
 *-------------------------------------------------------------------------
 */
typedef struct Case
{
	const char *name;
	const char *message; /* the end of it */
	void (*build)(Endless *endless);
} Case;

static void
build_name(Endless *endless)
{
	append(&endless->head, "\x1f\x8b\x08\x08\0\0\0\0\0\3", 10);
	for (int i = 0; i < 100000; i++)
		append_text(&endless->cycle, "name");
}

static void
build_comment(Endless *endless)
{
	build_name(endless);
	endless->head.data[3] = GZIP_COMMENT;
}

static void
build_extra(Endless *endless)
{
	static const unsigned char lengths[] = { 0xff, 0xff };

	build_name(endless);
	endless->head.data[3] = GZIP_EXTRA | GZIP_NAME | GZIP_COMMENT;
	append(&endless->head, lengths, 2);
	for (int i = 0; i < 65535 + 60000; i++)
		append_text(&endless->head, "x");
	append(&endless->head, "", 1);
}

static void
build_empty_members(Endless *endless)
{
	append_gzip(&endless->head, "content");
	for (int i = 0; i < 50000; i++)
		append_gzip(&endless->cycle, "");
}

static void
build_zeros(Endless *endless)
{
	append_gzip(&endless->head, "content");
	for (int i = 0; i < 100000; i++)
		append_number(&endless->cycle, 0, 8);
}

/* Blocks that a flush leaves. */
static void
build_empty_blocks(Endless *endless)
{
	append(&endless->head, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
	for (int i = 0; i < 100000; i++)
		append(&endless->cycle, "\0\0\0\xff\xff", 5);
}

static const Case gzip_cases[] = {
	{ "the name in a gzip header", "header is longer than 131072 bytes", build_name },
	{ "the comment in a gzip header", "header is longer than 131072 bytes", build_comment },
	{ "all fields of a gzip header", "header is longer than 131072 bytes", build_extra },
	{ "empty gzip members", "more than 65536 members without content", build_empty_members },
	{ "zeros after the last gzip member", "more than 1048576 zeros", build_zeros },
	{ "empty deflate blocks", "more than 1048576 compressed bytes without content",
	  build_empty_blocks },
};

static void
append_local_header(Bytes *bytes, const char *name, unsigned method)
{
	append_number(bytes, 0x04034b50, 4);
	append_number(bytes, 20, 2);
	append_number(bytes, 8, 2); /* a descriptor follows */
	append_number(bytes, method, 2);
	append_number(bytes, 0, 8);
	append_number(bytes, 0, 8);
	append_number(bytes, strlen(name), 2);
	append_number(bytes, 0, 2);
	append_text(bytes, name);
}

/* Deflate data that may be followed by more, and repeated. */
static void
append_deflate_segment(Bytes *bytes, const Bytes *content)
{
	z_stream deflater;
	size_t bound = content->length + content->length / 100 + 1000;
	unsigned char *space = malloc(bound);

	memset(&deflater, 0, sizeof(deflater));
	if (deflateInit2(&deflater, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	deflater.next_in = content->data;
	deflater.avail_in = (uInt) content->length;
	deflater.next_out = space;
	deflater.avail_out = (uInt) bound;
	if (deflate(&deflater, Z_FULL_FLUSH) != Z_OK || deflater.avail_in > 0)
		abort();
	append(bytes, space, deflater.total_out);
	deflateEnd(&deflater);
	free(space);
}

/* The same compressed once more by the archive, up to a thousandfold. */
static void
deflate_as_entry(Endless *endless, const char *name)
{
	Bytes head = { 0 };
	Bytes cycle = { 0 };

	append_local_header(&head, name, 8);
	append_deflate_segment(&head, &endless->head);
	append_deflate_segment(&cycle, &endless->cycle);
	free(endless->head.data);
	free(endless->cycle.data);
	endless->head = head;
	endless->cycle = cycle;
}

static void
store_as_entry(Endless *endless, const char *name)
{
	Bytes head = { 0 };

	append_local_header(&head, name, 0);
	append_bytes(&head, &endless->head);
	free(endless->head.data);
	endless->head = head;
}

static void
test_gzip(void)
{
	char title[200];

	for (size_t i = 0; i < sizeof(gzip_cases) / sizeof(gzip_cases[0]); i++)
	{
		const Case *one = &gzip_cases[i];
		Endless endless = { 0 };

		begin_test(one->name);
		one->build(&endless);
		read_gunzip(&endless, one->message);
		clear_endless(&endless);
		one->build(&endless);
		read_blocks(&endless, PACKED_GZIP, NULL);
		clear_endless(&endless);

		end_test();
		snprintf(title, sizeof(title), "%s, in a deflated entry", one->name);
		begin_test(title);
		one->build(&endless);
		deflate_as_entry(&endless, "x.json.gz");
		read_unzip(&endless, one->message);
		clear_endless(&endless);
		one->build(&endless);
		deflate_as_entry(&endless, "x.json.gz");
		read_blocks(&endless, PACKED_ZIP, NULL);
		clear_endless(&endless);

		end_test();
		/* Without sizes an entry ends with its last member, so that zeros are no padding. */
		snprintf(title, sizeof(title), "%s, in a stored entry", one->name);
		begin_test(title);
		one->build(&endless);
		store_as_entry(&endless, "x.json.gz");
		read_unzip(&endless, one->build == build_zeros ? "no data descriptor" : one->message);
		end_test();
		clear_endless(&endless);
	}
}

/* What is passed over, what is empty, and what is left out since it was read before. */
static void
test_zip(void)
{
	Endless endless = { 0 };

	for (int stored = 0; stored < 2; stored++)
	{
		begin_test(stored ? "a stored file that is passed over"
						  : "a deflated file that is passed over");
		for (int i = 0; i < 100000; i++)
			append_number(&endless.cycle, 0, 8);
		if (stored)
		{
			append_local_header(&endless.head, "readme.txt", 0);
			endless.head.data[6] = 0;
			memset(endless.head.data + 18, 0xf0, 8);
		}
		else
			deflate_as_entry(&endless, "readme.txt");
		read_unzip(&endless, "more than 268435456 bytes that are no export");
		endless.begun = false;
		endless.input.available = 0;
		read_blocks(&endless, PACKED_ZIP, NULL);
		clear_endless(&endless);
	}

	begin_test("empty blocks of the archive's own deflate");
	append_local_header(&endless.head, "x.json.gz", 8);
	for (int i = 0; i < 100000; i++)
		append(&endless.cycle, "\0\0\0\xff\xff", 5);
	read_unzip(&endless, "more than 1048576 compressed bytes without content");
	clear_endless(&endless);

	begin_test("zeros after the archive");
	{
		Archive archive = { 0 };

		add_gzip(&archive, "x.json.gz", "x", (EntryOptions){ .deflate = false });
		finish_archive(&archive, "");
		append_bytes(&endless.head, &archive.bytes);
		append_number(&endless.head, 0, 1);
		for (int i = 0; i < 100000; i++)
			append_number(&endless.cycle, 0, 8);
		read_unzip(&endless, "the end of the zip archive is followed by more than 1048576 zeros");
		clear_endless(&endless);
		clear_archive(&archive);
	}

	begin_test("a central directory that goes on");
	{
		Archive archive = { 0 };

		add_gzip(&archive, "x.json.gz", "x", (EntryOptions){ .deflate = false });
		append_bytes(&endless.head, &archive.bytes);
		append_bytes(&endless.cycle, &archive.central);
		read_unzip(&endless, "zip central directory lists more than the 1 entries");
		clear_endless(&endless);
		clear_archive(&archive);
	}

	for (int again = 0; again < 2; again++)
		for (int wanted = 0; wanted < 2; wanted++)
		{
			static char titles[4][80];
			char *title = titles[2 * again + wanted];
			DeliveredEntries *known = delivered_entries_create();
			Archive archive = { 0 };
			Bytes content = { 0 };

			snprintf(title, sizeof(titles[0]), "small entries that are %s%s",
					 wanted ? "files" : "passed over", again ? ", read again" : "");
			begin_test(title);
			append_gzip(&content, "");
			for (int i = 0; i < 100; i++)
				add_entry(&archive, wanted ? "x.json.gz" : "x.txt", &content,
						  (EntryOptions){ .deflate = false });
			append_bytes(&endless.head, &archive.bytes);
			append_bytes(&endless.cycle, &archive.bytes);
			for (int i = 0; again && i < 5000; i++)
				delivered_entries_note(known, "x.json.gz", 0, 0, true);
			if (again)
				delivered_entries_begin_again(known);
			read_blocks(&endless, PACKED_ZIP, again ? known : NULL);
			clear_endless(&endless);
			clear_archive(&archive);
			free(content.data);
			delivered_entries_free(known);
		}

	/* An entry that inflates to much is left out in as many steps. */
	begin_test("a large entry, read again");
	{
		DeliveredEntries *known = delivered_entries_create();

		append_gzip(&endless.head, "content");
		for (int i = 0; i < 2000; i++)
		{
			char zeros[4096] = { 0 };

			append_gzip_with_flags(&endless.cycle, zeros, sizeof(zeros), 0);
		}
		deflate_as_entry(&endless, "x.json.gz");
		delivered_entries_note(known, "x.json.gz", UINT64_C(1) << 40, 0, true);
		delivered_entries_begin_again(known);
		read_blocks(&endless, PACKED_ZIP, known);
		clear_endless(&endless);
		delivered_entries_free(known);
	}
}

/* A stored file full of what could be its end by the sizes. */
static void
test_search(void)
{
	EntryOptions options = { .descriptor = DESCRIPTOR_SIGNED_32 };
	Archive archive = { 0 };
	Bytes text = { 0 };
	Bytes export = { 0 };
	Unzip *unzip = unzip_create();
	StreamInput input = { NULL, 0, true };
	StreamStatus status;

	begin_test("a search for the end of a stored file");
	while (text.length < 1000000)
	{
		uint64_t length = text.length;

		append_text(&text, "none");
		append_number(&text, length, 4);
		append_number(&text, length, 4);
		append_text(&text, "PK");
	}
	add_entry(&archive, "readme.txt", &text, options);
	append_gzip_with_flags(&export, (const unsigned char *) "x", 1, 0);
	add_entry(&archive, "x.json.gz", &export, options);
	finish_archive(&archive, "");
	input.next = archive.bytes.data;
	input.available = archive.bytes.length;
	checked = 0;
	do
	{
		size_t produced;

		status = unzip_read(unzip, &input, output, sizeof(output), &produced);
	} while (status != STREAM_END && status != STREAM_ERROR);
	CHECK_NUMBER(status, STREAM_END);
	CHECK_NUMBER(unzip_passed_over(unzip), 1);
	CHECK_THAT(checked < 4 * text.length, "the checksum was taken of %llu bytes",
			   (unsigned long long) checked);
	unzip_free(unzip);
	clear_archive(&archive);
	free(export.data);
	free(text.data);
}

static void
test_json(void)
{
	static char blank[LENT + JSON_PADDING];
	JsonPaths *paths = json_paths_create();
	JsonReader *reader = json_reader_create(paths);

	begin_test("white space in JSON");
	memset(blank, '\n', LENT);
	for (JsonFraming framing = JSON_FRAMING_ARRAY; framing <= JSON_FRAMING_LINES; framing++)
	{
		StreamStatus status = STREAM_NEED_INPUT;
		size_t consumed;
		JsonValue value;

		json_reader_reset(reader, framing);
		for (int i = 0; i < 100 && status == STREAM_NEED_INPUT; i++)
			status = json_reader_next(reader, blank, LENT, false, &consumed, &value);
		CHECK_NUMBER(status, STREAM_ERROR);
		CHECK_NUMBER(json_reader_error(reader)->kind, STREAM_ERROR_TOO_LARGE);
		CHECK_CONTAINS(json_reader_error(reader)->message,
					   "more than 67108864 bytes of white space before record 1");
	}
	json_reader_free(reader);
	json_paths_free(paths);
}

/*-------------------------------------------------------------------------
 * A record that is to be walked no further
 *-------------------------------------------------------------------------
 */

#define LARGE (8 * STREAM_WORK)

/* Records that take long: a name, the beginning, what is repeated, and the end. */
static const char *const slow[][4] = {
	{ "empty objects", "{\"x\":[{}", ",{}", "]}" },
	{ "objects", "{\"y\":[{}", ",{\"k\":1}", "]}" },
	{ "an array's rest", "{\"a\":[1", ",[]", "]}" },
	{ "a wanted key", "{\"x\":1", ",\"x\":1", "}" },
	{ "keys by turns", "{\"x\":1", ",\"z\":1,\"k\":1", "}" },
	{ "a key with an escape", "{\"x\":1", ",\"\\u0061\":{}", "}" },
	{ "wanted objects", "{\"a\":{}", ",\"a\":{\"b\":[1]}", "}" },
	{ "escapes", "{\"x\":\"", "\\n", "\"}" },
	{ "control characters", "{\"x\":\"", "\\n\001", "\"}" },
	{ "an escaped key", "{\"", "\\\"", "\":1}" },
};

static void
build_slow(Bytes *text, const char *const *pieces)
{
	text->length = 0;
	append_text(text, "[");
	append_text(text, pieces[1]);
	while (text->length < LARGE)
		append_text(text, pieces[2]);
	append_text(text, pieces[3]);
	append_text(text, "]");
	append(text, (char[JSON_PADDING]){ 0 }, JSON_PADDING);
	text->length -= JSON_PADDING;
}

/* The whole of it at once: given up, as often as it is begun, until that is no longer wanted. */
static void
stop_at_once(JsonReader *reader, const Bytes *text, JsonValue *values)
{
	volatile sig_atomic_t stop = 1;
	char *late = (char *) text->data + 3 * STREAM_WORK;
	char saved[STREAM_WORK];
	size_t consumed;
	size_t begins = 0;

	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	json_reader_stop_when(reader, &stop);
	/* Nobody gets as far as this, where all is wrong. */
	memcpy(saved, late, sizeof(saved));
	memset(late, ']', sizeof(saved));
	for (int i = 0; i < 3; i++)
	{
		CHECK_NUMBER(json_reader_next(reader, (const char *) text->data + begins,
									  text->length - begins, true, &consumed, values),
					 STREAM_PAUSED);
		begins += consumed;
	}
	CHECK_NUMBER(begins, 1);
	memcpy(late, saved, sizeof(saved));
	stop = 0;
	CHECK_NUMBER(json_reader_next(reader, (const char *) text->data + begins, text->length - begins,
								  true, &consumed, values),
				 STREAM_RECORD);
	CHECK_NUMBER(begins + consumed, text->length - 1);
	json_reader_stop_when(reader, NULL);
}

/* The same piece by piece, given up every other time. */
static void
stop_on_the_way(JsonReader *reader, const Bytes *text, JsonValue *values)
{
	volatile sig_atomic_t stop = 1;
	char *buffer = calloc(1, text->length + JSON_PADDING);
	size_t filled = 0;
	size_t begins = 0;
	size_t consumed;
	long given_up = 0;
	StreamStatus status;

	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	json_reader_stop_when(reader, &stop);
	do
	{
		size_t more = text->length - filled;

		if (more > 5 * STREAM_WORK / 4)
			more = 5 * STREAM_WORK / 4;
		memcpy(buffer + filled, text->data + filled, more);
		filled += more;
		do
		{
			status = json_reader_next(reader, buffer + begins, filled - begins,
									  filled == text->length, &consumed, values);
			begins += consumed;
			given_up += status == STREAM_PAUSED;
			stop = !stop;
		} while (status == STREAM_PAUSED);
	} while (status == STREAM_NEED_INPUT && filled < text->length);
	CHECK_NUMBER(status, STREAM_RECORD);
	CHECK_NUMBER(begins, text->length - 1);
	CHECK(given_up > 0);
	json_reader_stop_when(reader, NULL);
	free(buffer);
}

static void
test_stop(void)
{
	JsonPaths *paths = json_paths_create();
	JsonReader *readers[2] = { json_reader_create(paths) };
	JsonValue values[2];
	Bytes text = { 0 };

	json_paths_add(paths, "x");
	json_paths_add(paths, "a.b");
	readers[1] = json_reader_create(paths);
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++)
	{
		char name[64];

		snprintf(name, sizeof(name), "the walk of %s is given up", slow[i][0]);
		begin_test(name);
		for (int j = 0; j < 2; j++)
		{
			build_slow(&text, slow[i]);
			stop_at_once(readers[j], &text, values);
			stop_on_the_way(readers[j], &text, values);
		}
		end_test(); /* while there is its name */
	}
	free(text.data);
	json_reader_free(readers[0]);
	json_reader_free(readers[1]);
	json_paths_free(paths);
}

/*-------------------------------------------------------------------------
 * A value that is to be looked at no further
 *-------------------------------------------------------------------------
 */

/* Arrays of one large element: a name, the beginning, what is repeated, and the end. */
static const char *const large_elements[][4] = {
	{ "an array", "[[{}", ",{}", "]]" },
	{ "an object", "[{\"k\":1", ",\"k\":[1]", "}]" },
	{ "a string", "[\"x", "\\n", "\"]" },
	{ "control characters", "[\"x", "\\n\001", "\"]" },
};

static void
append_large(Bytes *text, const char *const *pieces)
{
	text->length = 0;
	append_text(text, pieces[1]);
	while (text->length < LARGE)
		append_text(text, pieces[2]);
	append_text(text, pieces[3]);
	append(text, (char[JSON_PADDING]){ 0 }, JSON_PADDING);
	text->length -= JSON_PADDING;
}

/* The element is given up, as often as it is asked for, until it is no longer to be. */
static void
stop_cursor(const Bytes *text, JsonValue *element)
{
	JsonValue array = { (char *) text->data, (uint32_t) text->length, JSON_ARRAY, false };
	volatile sig_atomic_t stop = 1;
	JsonCursor cursor;
	StreamError error;

	CHECK(json_cursor_open(&cursor, &array));
	json_cursor_stop_when(&cursor, &stop);
	for (int i = 0; i < 3; i++)
	{
		CHECK(!json_cursor_next(&cursor, NULL, element, &error));
		CHECK_NUMBER(error.kind, STREAM_ERROR_STOPPED);
	}
	stop = 0;
	CHECK(json_cursor_next(&cursor, NULL, element, &error));
	CHECK_NUMBER(element->start + element->length + (element->type == JSON_STRING) + 1,
				 array.start + array.length);
	CHECK(!json_cursor_next(&cursor, NULL, element, &error));
	CHECK_NUMBER(error.kind, STREAM_ERROR_NONE);
}

/* Copying it as JSON and decoding it likewise. */
static void
stop_copy(const Bytes *text, const JsonValue *element, char *output)
{
	volatile sig_atomic_t stop = 1;
	StreamError error;
	size_t length;

	CHECK(!json_text_copy((char *) text->data, text->length, JSON_TEXT_REPLACE, &stop, output,
						  &length, &error));
	CHECK_NUMBER(error.kind, STREAM_ERROR_STOPPED);
	stop = 0;
	CHECK(json_text_copy((char *) text->data, text->length, JSON_TEXT_REPLACE, &stop, output,
						 &length, &error));
	CHECK(length >= text->length);
	if (element->type != JSON_STRING)
		return;
	stop = 1;
	CHECK(!json_string_decode(element, JSON_TEXT_REPLACE, &stop, output, &length, &error));
	CHECK_NUMBER(error.kind, STREAM_ERROR_STOPPED);
	CHECK(json_string_decode(element, JSON_TEXT_REPLACE, NULL, output, &length, &error));
	CHECK(length >= element->length / 2 && length < element->length);
	/* What is small is done at once. */
	CHECK(json_string_decode(&(JsonValue){ element->start, 15, JSON_STRING, true },
							 JSON_TEXT_REPLACE, &stop, output, &length, &error));
	CHECK_NUMBER(error.kind, STREAM_ERROR_NONE);
}

static void
test_stop_in_value(void)
{
	Bytes text = { 0 };

	for (size_t i = 0; i < sizeof(large_elements) / sizeof(large_elements[0]); i++)
	{
		char name[64];
		JsonValue element;
		char *output;

		snprintf(name, sizeof(name), "%s in a value is given up", large_elements[i][0]);
		begin_test(name);
		append_large(&text, large_elements[i]);
		output = malloc(json_text_copied_size((char *) text.data, text.length));
		stop_cursor(&text, &element);
		stop_copy(&text, &element, output);
		free(output);
		end_test(); /* while there is its name */
	}
	free(text.data);
}

int
main(void)
{
	test_gzip();
	test_zip();
	test_search();
	test_json();
	test_stop();
	test_stop_in_value();
	return finish_tests();
}

/*-------------------------------------------------------------------------
 *
 * test_unzip.c
 *		Unit tests of stream/unzip, on archives built byte by byte.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "pieces.h"
#include "stream/unzip.h"
#include "zip_build.h"

/*-------------------------------------------------------------------------
 * Reading them
 *-------------------------------------------------------------------------
 */
typedef enum Feed
{
	FEED_WHOLE,
	FEED_SINGLE_BYTES,
	FEED_SINGLE_OUTPUT,
	FEED_BOTH_SINGLE,
	FEED_RANDOM,
	FEED_KINDS
} Feed;

static Unzip *unzip;

typedef struct Outcome
{
	StreamStatus status;
	StreamErrorKind kind;
	char message[256];
	Bytes listing; /* "<name|content>" for each entry, without ">" if its end was not reached */
} Outcome;

static void
run(const unsigned char *data, size_t length, Feed feed, Outcome *outcome)
{
	unsigned char output[4096];
	Pieces pieces;
	int idle = 0;
	uint64_t entries = 0;
	uint64_t entry_length = 0;
	uint64_t total = 0;
	uint32_t crc = 0;
	bool in_entry = false;

	pieces_begin(&pieces, data, length);
	unzip_reset(unzip);
	outcome->listing.length = 0;
	for (;;)
	{
		size_t output_size = feed == FEED_SINGLE_OUTPUT || feed == FEED_BOTH_SINGLE ? 1
							 : feed == FEED_RANDOM ? 1 + random_below(40)
												   : sizeof(output);
		size_t produced = 12345;
		size_t before = pieces.input.available;

		outcome->status = unzip_read(unzip, &pieces.input, output, output_size, &produced);
		if (!CHECK(produced <= output_size))
			break;
		if (produced > 0)
		{
			CHECK(in_entry && outcome->status != STREAM_ERROR);
			append(&outcome->listing, output, produced);
			crc = (uint32_t) crc32_z(crc, output, produced);
			entry_length += produced;
			total += produced;
		}
		if (outcome->status == STREAM_NEED_INPUT)
		{
			size_t size = feed == FEED_SINGLE_BYTES || feed == FEED_BOTH_SINGLE ? 1
						  : feed == FEED_RANDOM                                 ? random_below(40)
																				: length;

			if (!CHECK(pieces.input.available == 0 && !pieces.input.last))
				break;
			/* Sometimes the end is only known after the last byte. */
			pieces_lend(&pieces, size, feed != FEED_RANDOM);
			continue;
		}
		if (outcome->status == STREAM_ENTRY_BEGIN)
		{
			CHECK(!in_entry && produced == 0);
			in_entry = true;
			entries++;
			entry_length = 0;
			crc = 0;
			append_text(&outcome->listing, "<");
			append_text(&outcome->listing, unzip_entry_name(unzip));
			append_text(&outcome->listing, "|");
			continue;
		}
		if (outcome->status == STREAM_ENTRY_END)
		{
			CHECK(in_entry && produced == 0);
			in_entry = false;
			CHECK_NUMBER(unzip_entry_length(unzip), entry_length);
			CHECK_NUMBER(unzip_entry_crc(unzip), crc);
			append_text(&outcome->listing, ">");
			continue;
		}
		if (outcome->status != STREAM_DATA)
			break;
		if (produced > 0 || pieces.input.available < before)
			idle = 0;
		else if (!CHECK_THAT(++idle < 3, "no progress"))
			break;
	}
	CHECK_NUMBER(unzip_entries(unzip), entries);
	CHECK_NUMBER(unzip_bytes_out(unzip), total);
	if (outcome->status == STREAM_END)
	{
		CHECK(!in_entry);
		CHECK_NUMBER(pieces.input.available, 0);
		CHECK_NUMBER(unzip_bytes_in(unzip), length);
	}
	else
	{
		size_t produced;

		CHECK_NUMBER(outcome->status, STREAM_ERROR);
		CHECK(unzip_read(unzip, &pieces.input, output, sizeof(output), &produced) == STREAM_ERROR);
		CHECK_NUMBER(produced, 0);
	}
	pieces_end(&pieces);
	outcome->kind = unzip_error(unzip)->kind;
	CHECK((outcome->kind != STREAM_ERROR_NONE) == (outcome->status == STREAM_ERROR));
	strcpy(outcome->message, unzip_error(unzip)->message);
	append(&outcome->listing, "", 1);
	outcome->listing.length--;
}

static void
expect_listing(const Bytes *bytes, const char *listing)
{
	Outcome outcome = { 0 };

	for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
		for (int repeat = 0; repeat < (feed == FEED_RANDOM ? 20 : 1); repeat++)
		{
			run(bytes->data, bytes->length, feed, &outcome);
			CHECK_THAT(outcome.status == STREAM_END, "feed %d: %s", feed, outcome.message);
			CHECK_THAT(strcmp((char *) outcome.listing.data, listing) == 0,
					   "feed %d: got \"%.300s\", expected \"%.300s\"", feed,
					   (char *) outcome.listing.data, listing);
		}
	free(outcome.listing.data);
}

static void
expect_error(const Bytes *bytes, StreamErrorKind kind, const char *message)
{
	Outcome outcome = { 0 };

	for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
	{
		run(bytes->data, bytes->length, feed, &outcome);
		CHECK_NUMBER(outcome.status, STREAM_ERROR);
		CHECK_NUMBER(outcome.kind, kind);
		CHECK_CONTAINS(outcome.message, message);
		for (const char *next = outcome.message; *next != '\0'; next++)
			CHECK(*next >= 0x20 && *next < 0x7f);
	}
	free(outcome.listing.data);
}

/*-------------------------------------------------------------------------
 * Tests
 *-------------------------------------------------------------------------
 */
static void
test_entries(void)
{
	static const EntryOptions stored = { 0 };
	static const EntryOptions vendor = { .descriptor = DESCRIPTOR_SIGNED_32 };
	Archive archive = { 0 };

	begin_test("an archive without entries");
	finish_archive(&archive, "");
	CHECK_NUMBER(archive.bytes.length, 22);
	expect_listing(&archive.bytes, "");
	clear_archive(&archive);
	archive.zip64 = true;
	finish_archive(&archive, "comment");
	expect_listing(&archive.bytes, "");
	clear_archive(&archive);

	begin_test("the vendor's layout: stored, sizes in a descriptor");
	add_gzip(&archive, "1/1_2025-01-01_0#0.json.gz", "{\"a\":1}\n", vendor);
	add_gzip(&archive, "1/1_2025-01-01_0#1.json.gz", "{\"a\":2}\n{\"a\":3}\n", vendor);
	finish_archive(&archive, "");
	expect_listing(&archive.bytes, "<1/1_2025-01-01_0#0.json.gz|{\"a\":1}\n>"
								   "<1/1_2025-01-01_0#1.json.gz|{\"a\":2}\n{\"a\":3}\n>");
	clear_archive(&archive);

	begin_test("each kind of entry");
	for (int deflate = 0; deflate < 2; deflate++)
		for (Descriptor descriptor = NO_DESCRIPTOR; descriptor < DESCRIPTOR_KINDS; descriptor++)
			for (int rest = 0; rest < 16; rest++)
			{
				EntryOptions options = { 0 };

				options.deflate = deflate;
				options.descriptor = descriptor;
				options.zip64 = rest & 1;
				options.other_extra = rest & 2;
				options.sizes_in_header = rest & 4;
				archive.zip64 = rest & 8;
				add_gzip(&archive, "one.json.gz", "first", options);
				add_gzip(&archive, "two.json.gz", "second", options);
				finish_archive(&archive, rest & 1 ? "PK\x05\x06 comment" : "");
				expect_listing(&archive.bytes, "<one.json.gz|first><two.json.gz|second>");
				clear_archive(&archive);
			}

	begin_test("empty entries");
	for (int deflate = 0; deflate < 2; deflate++)
		for (Descriptor descriptor = NO_DESCRIPTOR; descriptor < DESCRIPTOR_KINDS; descriptor++)
		{
			EntryOptions options = { .deflate = deflate, .descriptor = descriptor };
			Bytes nothing = { 0 };

			add_entry(&archive, "nothing.json.gz", &nothing, options);
			add_gzip(&archive, "empty.json.gz", "", options);
			add_entry(&archive, "folder/", &nothing, options);
			add_entry(&archive, "nothing.json.gz", &nothing, options);
			finish_archive(&archive, "");
			expect_listing(&archive.bytes, "<nothing.json.gz|><empty.json.gz|><nothing.json.gz|>");
			clear_archive(&archive);
		}

	begin_test("several gzip members in an entry");
	for (int deflate = 0; deflate < 2; deflate++)
		for (Descriptor descriptor = NO_DESCRIPTOR; descriptor < DESCRIPTOR_KINDS; descriptor++)
		{
			EntryOptions options = { .deflate = deflate, .descriptor = descriptor };
			Bytes members = { 0 };

			append_gzip(&members, "one,");
			append_gzip(&members, "");
			append_gzip_with_flags(&members, "two,", 4, 0x1f);
			append_gzip(&members, "three");
			add_entry(&archive, "m.json.gz", &members, options);
			add_entry(&archive, "n.json.gz", &members, options);
			finish_archive(&archive, "");
			expect_listing(&archive.bytes, "<m.json.gz|one,two,three><n.json.gz|one,two,three>");
			clear_archive(&archive);
			free(members.data);
		}

	begin_test("other files are skipped");
	for (int deflate = 0; deflate < 2; deflate++)
		for (Descriptor descriptor = NO_DESCRIPTOR; descriptor < DESCRIPTOR_KINDS; descriptor++)
		{
			EntryOptions options = { .deflate = deflate, .descriptor = descriptor };
			Bytes text = { 0 };
			Bytes nothing = { 0 };

			append_text(&text, "PK\x03\x04 PK\x07\x08 not an entry PK\x01\x02");
			options.sizes_in_header = true;
			add_entry(&archive, "readme.txt", &text, options);
			add_entry(&archive, "folder/", &nothing, stored);
			add_gzip(&archive, "x.json.gz", "x", options);
			add_entry(&archive, "x.json.gz.md5", &text, options);
			add_entry(&archive, "x.gz", &text, options);
			add_entry(&archive, "xjson.gz", &text, options);
			add_entry(&archive, "x.JSON.GZ", &text, options);
			add_entry(&archive, "", &text, options);
			finish_archive(&archive, "");
			expect_listing(&archive.bytes, "<x.json.gz|x>");
			clear_archive(&archive);
			free(text.data);
		}

	begin_test("names of which the content decides");
	for (int deflate = 0; deflate < 2; deflate++)
		for (Descriptor descriptor = NO_DESCRIPTOR; descriptor < DESCRIPTOR_KINDS; descriptor++)
		{
			static const char *const names[] = { "x.json", "x.JSON.GZ", "x.gz",
												 "x.GZIP", "x.ndjson",  "x.jsonl" };

			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			{
				EntryOptions options = { .deflate = deflate, .descriptor = descriptor };
				char listing[200];
				Bytes text = { 0 };
				Bytes other = { 0 };
				Bytes blank = { 0 };
				Bytes nothing = { 0 };

				append_text(&text, "\xef\xbb\xbf \n{\"a\":\"PK\x01\x02\"}\n");
				append(&text, "", 1);
				text.length--;
				append_text(&other,
							"PK\x07\x08 PK\x03\x04 and so on, for longer than anyone looks");
				append_text(&blank, "\n\n");
				add_entry(&archive, names[i], &text, options);
				add_entry(&archive, names[i], &other, options);
				add_gzip(&archive, names[i], "{\"a\":2}\n{\"a\":3}\n", options);
				add_gzip(&archive, names[i], "no JSON", options);
				add_entry(&archive, names[i], &nothing, options);
				add_gzip(&archive, names[i], "", options);
				add_entry(&archive, names[i], &blank, options);
				finish_archive(&archive, "");
				snprintf(listing, sizeof(listing),
						 "<%s|%s><%s|{\"a\":2}\n{\"a\":3}\n><%s|><%s|><%s|\n\n>", names[i],
						 (char *) text.data, names[i], names[i], names[i], names[i]);
				expect_listing(&archive.bytes, listing);
				CHECK_NUMBER(unzip_passed_over(unzip), 2);
				CHECK(strcmp(unzip_first_passed_over(unzip), names[i]) == 0);
				clear_archive(&archive);
				free(text.data);
				free(other.data);
				free(blank.data);
			}
		}

	begin_test("what no one counts as passed over");
	{
		Bytes text = { 0 };

		append_text(&text, "notes");
		add_entry(&archive, "__MACOSX/1/._x.json.gz", &text, vendor);
		add_entry(&archive, "._x.json.gz", &text, stored);
		add_entry(&archive, "1/.DS_Store", &text, vendor);
		add_entry(&archive, "1/", &text, stored);
		add_gzip(&archive, "x.json.gz", "x", vendor);
		finish_archive(&archive, "");
		expect_listing(&archive.bytes, "<x.json.gz|x>");
		CHECK_NUMBER(unzip_passed_over(unzip), 0);
		clear_archive(&archive);
		free(text.data);
	}

	begin_test("long files that are no exports, with sizes in a descriptor only");
	for (Descriptor descriptor = DESCRIPTOR_SIGNED_32; descriptor < DESCRIPTOR_KINDS; descriptor++)
	{
		EntryOptions options = { .descriptor = descriptor };
		Bytes text = { 0 };

		/* Sizes that fit, but without the checksum; and the checksum of something else. */
		for (unsigned i = 0; i < 9000; i++)
		{
			append_text(&text, "PKPK\x07\x08");
			append_number(&text, i, 4);
			append_number(&text, text.length - (i % 2 ? 4 : 8), 4);
			append_number(&text, text.length - (i % 2 ? 8 : 12), 4);
			append_text(&text, "PK\x03\x04");
		}
		add_entry(&archive, "readme.txt", &text, options);
		add_gzip(&archive, "x.json.gz", "x", options);
		add_entry(&archive, "readme.txt", &text, options);
		finish_archive(&archive, "");
		expect_listing(&archive.bytes, "<x.json.gz|x>");
		CHECK_NUMBER(unzip_passed_over(unzip), 2);
		clear_archive(&archive);
		free(text.data);
	}

	begin_test("plain content of known size");
	for (int deflate = 0; deflate < 2; deflate++)
		for (int descriptor = 0; descriptor < 2; descriptor++)
		{
			EntryOptions options = { .deflate = deflate };
			Bytes text = { 0 };

			options.descriptor = descriptor ? DESCRIPTOR_SIGNED_32 : NO_DESCRIPTOR;
			options.sizes_in_header = true;
			append_text(&text, "{\"plain\":1}\n");
			add_entry(&archive, "plain.json.gz", &text, options);
			add_gzip(&archive, "x.json.gz", "x", options);
			finish_archive(&archive, "");
			expect_listing(&archive.bytes, "<plain.json.gz|{\"plain\":1}\n><x.json.gz|x>");
			clear_archive(&archive);
			free(text.data);
		}

	begin_test("content of many sizes");
	for (Descriptor descriptor = NO_DESCRIPTOR; descriptor < DESCRIPTOR_KINDS; descriptor++)
		for (int deflate = 0; deflate < 2; deflate++)
		{
			EntryOptions options = { .deflate = deflate, .descriptor = descriptor };
			Bytes listing = { 0 };

			for (int i = 0; i < 60; i++)
			{
				char content[400];

				for (int j = 0; j < i * 5; j++)
					content[j] = (char) ('a' + random_below(20));
				content[i * 5] = '\0';
				add_gzip(&archive, "x.json.gz", content, options);
				append_text(&listing, "<x.json.gz|");
				append_text(&listing, content);
				append_text(&listing, ">");
			}
			append(&listing, "", 1);
			finish_archive(&archive, "");
			expect_listing(&archive.bytes, (char *) listing.data);
			clear_archive(&archive);
			free(listing.data);
		}

	begin_test("the longest name");
	{
		char name[UNZIP_MAX_NAME + 1];
		char listing[UNZIP_MAX_NAME + 10];

		memset(name, 'n', sizeof(name));
		strcpy(name + UNZIP_MAX_NAME - 8, ".json.gz");
		add_gzip(&archive, name, "x", vendor);
		finish_archive(&archive, "");
		snprintf(listing, sizeof(listing), "<%s|x>", name);
		expect_listing(&archive.bytes, listing);
		clear_archive(&archive);
	}

	begin_test("a comment of the greatest length and zeros after it");
	{
		char *comment = malloc(65536);

		memset(comment, 'c', 65535);
		comment[65535] = '\0';
		add_gzip(&archive, "x.json.gz", "x", vendor);
		finish_archive(&archive, comment);
		append_number(&archive.bytes, 0, 8);
		expect_listing(&archive.bytes, "<x.json.gz|x>");
		clear_archive(&archive);
		free(comment);
	}

	begin_test("a central directory in another order");
	{
		Bytes first;
		Bytes second;

		add_gzip(&archive, "a.json.gz", "a", vendor);
		first = archive.central;
		memset(&archive.central, 0, sizeof(Bytes));
		add_gzip(&archive, "b.json.gz", "b", vendor);
		second = archive.central;
		memset(&archive.central, 0, sizeof(Bytes));
		append_bytes(&archive.central, &second);
		append_bytes(&archive.central, &first);
		finish_archive(&archive, "");
		expect_listing(&archive.bytes, "<a.json.gz|a><b.json.gz|b>");
		clear_archive(&archive);
		free(first.data);
		free(second.data);
	}
}

static void
test_many_entries(void)
{
	static const EntryOptions vendor = { .descriptor = DESCRIPTOR_SIGNED_32 };
	Archive archive = { 0 };
	Outcome outcome = { 0 };

	for (int zip64 = 0; zip64 < 2; zip64++)
	{
		begin_test(zip64 ? "70,000 entries with zip64" : "70,000 entries, counted modulo 65,536");
		archive.zip64 = zip64;
		for (int i = 0; i < 70000; i++)
		{
			char name[40];

			snprintf(name, sizeof(name), "%d.json.gz", i);
			add_gzip(&archive, name, "{}", vendor);
		}
		finish_archive(&archive, "");
		run(archive.bytes.data, archive.bytes.length, FEED_WHOLE, &outcome);
		CHECK_THAT(outcome.status == STREAM_END, "%s", outcome.message);
		CHECK_NUMBER(unzip_entries(unzip), 70000);
		/* One entry fewer in the directory is noticed. */
		archive.bytes.length = archive.central_start;
		archive.count--;
		archive.central.length -= 46 + strlen("69999.json.gz") + 3;
		finish_archive(&archive, "");
		run(archive.bytes.data, archive.bytes.length, FEED_WHOLE, &outcome);
		CHECK_CONTAINS(outcome.message,
					   "zip central directory lists 69999 entries, but 70000 were read");
		clear_archive(&archive);
	}
	free(outcome.listing.data);
}

static void
test_errors(void)
{
	static const EntryOptions stored = { 0 };
	static const EntryOptions vendor = { .descriptor = DESCRIPTOR_SIGNED_32 };
	Archive archive = { 0 };
	Bytes text = { 0 };
	Bytes gzip = gzip_of("content");

	begin_test("empty input");
	append_text(&text, "");
	expect_error(&text, STREAM_ERROR_TRUNCATED, "data is empty");

	begin_test("no zip archive at all");
	append_text(&text, "<html>\n\"\xc3\xa9\"</html>");
	expect_error(&text, STREAM_ERROR_CORRUPT, "not a zip archive: it begins with \"<");
	{
		Outcome outcome = { 0 };

		run(text.data, text.length, FEED_WHOLE, &outcome);
		CHECK_CONTAINS(outcome.message, "\"<html>\\x0a\\\"\\xc3\\xa9\\\"</htm\"");
		free(outcome.listing.data);
	}
	text.length = 0;
	append_text(&text, "abc");
	expect_error(&text, STREAM_ERROR_CORRUPT, "not a zip archive: it begins with \"");
	text.length = 0;
	append_text(&text, "P");
	expect_error(&text, STREAM_ERROR_TRUNCATED, "zip archive ends too early");
	text.length = 0;
	append_bytes(&text, &gzip);
	expect_error(&text, STREAM_ERROR_CORRUPT, "not a zip archive: it begins with \"\\x1f");

	begin_test("data before the first entry");
	add_gzip(&archive, "x.json.gz", "x", vendor);
	finish_archive(&archive, "");
	text.length = 0;
	append_text(&text, "#!/bin/sh\n");
	append_bytes(&text, &archive.bytes);
	expect_error(&text, STREAM_ERROR_CORRUPT, "not a zip archive: it begins with \"#");

	begin_test("data after the end");
	append_number(&archive.bytes, 0, 3);
	append_text(&archive.bytes, "x");
	expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
				 "the end of the zip archive is followed by data");
	clear_archive(&archive);

	begin_test("spanned archives");
	text.length = 0;
	append_text(&text, "PK\x07\x08PK\x03\x04");
	expect_error(&text, STREAM_ERROR_UNSUPPORTED, "spanned zip archives");
	text.length = 0;
	append_text(&text, "PK00PK\x03\x04");
	expect_error(&text, STREAM_ERROR_UNSUPPORTED, "spanned zip archives");
	for (int zip64 = 0; zip64 < 2; zip64++)
	{
		archive.zip64 = zip64;
		add_gzip(&archive, "x.json.gz", "x", vendor);
		finish_archive(&archive, "");
		archive.bytes.data[archive.bytes.length - 18] = 1;
		expect_error(&archive.bytes, STREAM_ERROR_UNSUPPORTED, "spanned zip archives");
		clear_archive(&archive);
	}

	begin_test("entries that are not supported");
	{
		static const struct
		{
			unsigned flags;
			unsigned method;
			const char *message;
		} cases[] = {
			{ 0x0001, 0, "zip entry \"a\\\"b\\x01.json.gz\": encrypted entries are not supported" },
			{ 0x0040, 8, "encrypted entries are not supported (method 8)" },
			{ 0x2000, 8, "encrypted entries are not supported (method 8)" },
			{ 0x0020, 8,
			  "zip entry \"a\\\"b\\x01.json.gz\": patched data is not supported (method 8)" },
			{ 0, 9,
			  "zip entry \"a\\\"b\\x01.json.gz\": compression method 9 (Deflate64) is "
			  "not supported" },
			{ 0, 93, "compression method 93 (Zstandard) is not supported" },
			{ 0, 7, "compression method 7 is not supported" },
		};

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		{
			EntryOptions options = { .flags = cases[i].flags, .method = cases[i].method };

			add_gzip(&archive, "a\"b\x01.json.gz", "x", options);
			finish_archive(&archive, "");
			expect_error(&archive.bytes, STREAM_ERROR_UNSUPPORTED, cases[i].message);
			clear_archive(&archive);
		}
	}

	begin_test("plain text, stored without sizes");
	text.length = 0;
	append_text(&text, "this could end anywhere");
	add_entry(&archive, "plain.json.gz", &text, vendor);
	finish_archive(&archive, "");
	expect_error(
		&archive.bytes, STREAM_ERROR_CORRUPT,
		"zip entry \"plain.json.gz\": stored without sizes, and its content is neither gzip nor "
		"JSON: it begins with \"this could end");
	clear_archive(&archive);

	begin_test("an archive without an export");
	{
		Bytes nothing = { 0 };

		add_entry(&archive, "folder/", &nothing, stored);
		add_entry(&archive, "__MACOSX/x.json.gz", &text, stored);
		finish_archive(&archive, "");
		expect_error(&archive.bytes, STREAM_ERROR_UNSUPPORTED,
					 "zip archive holds no export file, but 2 other: \"__MACOSX/x.json.gz\"");
		archive.bytes.length = archive.central_start;
		add_entry(&archive, "a\n.txt", &text, stored);
		add_entry(&archive, "b.json", &text, vendor);
		finish_archive(&archive, "");
		expect_error(&archive.bytes, STREAM_ERROR_UNSUPPORTED,
					 "zip archive holds no export file, but 2 other: \"a\\x0a.txt\", \"b.json\"");
		archive.bytes.length = archive.central_start;
		add_entry(&archive, "c.GZ", &text, vendor);
		add_entry(&archive, "d.csv", &text, stored);
		finish_archive(&archive, "");
		expect_error(&archive.bytes, STREAM_ERROR_UNSUPPORTED,
					 "but 4 other: \"a\\x0a.txt\", \"b.json\", \"c.GZ\", ...");
		clear_archive(&archive);
	}

	begin_test("a name that is too long");
	{
		char name[UNZIP_MAX_NAME + 2];

		memset(name, 'n', sizeof(name));
		name[UNZIP_MAX_NAME + 1] = '\0';
		add_gzip(&archive, name, "x", vendor);
		finish_archive(&archive, "");
		expect_error(&archive.bytes, STREAM_ERROR_TOO_LARGE,
					 "name of a zip entry is 1025 bytes long");
		clear_archive(&archive);
	}

	begin_test("a name with a NUL byte");
	add_gzip(&archive, "ab.json.gz", "x", vendor);
	archive.bytes.data[31] = '\0';
	finish_archive(&archive, "");
	expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
				 "zip entry \"a\\x00.json.gz\": name holds a NUL byte");
	clear_archive(&archive);

	begin_test("a long name is cut in a message");
	{
		char name[UNZIP_MAX_NAME + 1];
		EntryOptions options = { .method = 99 };

		memset(name, '\xff', sizeof(name));
		name[UNZIP_MAX_NAME] = '\0';
		add_gzip(&archive, name, "x", options);
		finish_archive(&archive, "");
		expect_error(&archive.bytes, STREAM_ERROR_UNSUPPORTED,
					 "\\xff...\": compression method 99 (AES encryption) is not supported");
		clear_archive(&archive);
	}

	begin_test("checksums and sizes of entries");
	for (int deflate = 0; deflate < 2; deflate++)
	{
		EntryOptions options = { .deflate = deflate };

		add_gzip(&archive, "x.json.gz", "content", options);
		finish_archive(&archive, "");
		archive.bytes.data[14] ^= 1;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "zip entry \"x.json.gz\": checksum is ");
		archive.bytes.data[14] ^= 1;
		archive.bytes.data[22] ^= 1; /* uncompressed */
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
					 deflate ? "zip entry \"x.json.gz\": size is "
							 : "zip entry \"x.json.gz\": stored, but its sizes differ");
		archive.bytes.data[22] ^= 1;
		if (deflate)
		{
			archive.bytes.data[18]++; /* compressed */
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "compressed size is ");
			archive.bytes.data[18] -= 2;
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
						 "compressed data does not end within ");
		}
		clear_archive(&archive);

		options.descriptor = DESCRIPTOR_SIGNED_32;
		add_gzip(&archive, "x.json.gz", "content", options);
		finish_archive(&archive, "");
		archive.bytes.data[archive.last_descriptor + 4] ^= 1;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "but its data descriptor says ");
		archive.bytes.data[archive.last_descriptor + 4] ^= 1;
		archive.bytes.data[archive.last_descriptor + 8] ^= 1;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
					 "but its data descriptor says otherwise");
		archive.bytes.data[archive.last_descriptor + 8] ^= 1;
		archive.bytes.data[archive.last_descriptor] ^= 1;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "no data descriptor matches its ");
		clear_archive(&archive);
	}

	begin_test("errors of the gzip inside");
	for (int deflate = 0; deflate < 2; deflate++)
		for (int descriptor = 0; descriptor < 2; descriptor++)
		{
			EntryOptions options = { .deflate = deflate };
			Bytes damaged = { 0 };

			options.descriptor = descriptor ? DESCRIPTOR_SIGNED_32 : NO_DESCRIPTOR;
			append_bytes(&damaged, &gzip);
			damaged.data[gzip.length - 8] ^= 1;
			add_entry(&archive, "x.json.gz", &damaged, options);
			finish_archive(&archive, "");
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
						 "zip entry \"x.json.gz\": gzip member 1 (at byte 0): checksum is ");
			clear_archive(&archive);

			damaged.length = gzip.length - 3;
			damaged.data[gzip.length - 8] ^= 1;
			add_entry(&archive, "x.json.gz", &damaged, options);
			finish_archive(&archive, "");
			/* Without sizes, what follows is taken for the trailer. */
			if (descriptor && !deflate)
				expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "length (modulo 2^32) is ");
			else
				expect_error(
					&archive.bytes, STREAM_ERROR_TRUNCATED,
					"zip entry \"x.json.gz\": gzip member 1 (at byte 0): data ends inside its "
					"trailer");
			clear_archive(&archive);

			damaged.length = 0;
			append_bytes(&damaged, &gzip);
			append_text(&damaged, "garbage");
			add_entry(&archive, "x.json.gz", &damaged, options);
			finish_archive(&archive, "");
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "zip entry \"x.json.gz\": ");
			clear_archive(&archive);
			free(damaged.data);
		}

	begin_test("corrupt deflate data of an entry");
	{
		EntryOptions options = { .deflate = true };

		add_gzip(&archive, "x.json.gz", "content", options);
		finish_archive(&archive, "");
		archive.bytes.data[archive.last_content] = 0xff;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
					 "zip entry \"x.json.gz\": compressed data is corrupt: ");
		clear_archive(&archive);
	}

	begin_test("a central directory that differs");
	{
		/* Offsets of fields in a central header, all of which are held against
		 * the entry: method, checksum, sizes, offset, name. */
		static const unsigned fields[] = { 10, 16, 20, 24, 42, 46 };

		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		{
			add_gzip(&archive, "x.json.gz", "content", vendor);
			add_gzip(&archive, "y.json.gz", "content", vendor);
			finish_archive(&archive, "");
			archive.bytes.data[archive.central_start + fields[i]] ^= 1;
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
						 "zip central directory differs from the 2 entries that were read");
			clear_archive(&archive);
		}
	}
	add_gzip(&archive, "x.json.gz", "content", vendor);
	add_gzip(&archive, "x.json.gz", "content", vendor);
	archive.central.length /= 2;
	archive.count--;
	finish_archive(&archive, "");
	expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
				 "zip central directory lists 1 entries, but 2 were read");
	/* twice the same one instead */
	archive.bytes.length = archive.central_start;
	append_bytes(&archive.central, &archive.central);
	archive.count++;
	finish_archive(&archive, "");
	expect_error(&archive.bytes, STREAM_ERROR_CORRUPT, "zip central directory differs");
	clear_archive(&archive);

	begin_test("an end record that differs");
	for (int zip64 = 0; zip64 < 2; zip64++)
	{
		/* Bytes counted from the end of the archive. */
		static const unsigned end_fields[] = { 14, 12, 10, 6 };
		static const unsigned zip64_fields[] = { 24, 32, 40, 48 };

		archive.zip64 = zip64;
		add_gzip(&archive, "x.json.gz", "content", vendor);
		finish_archive(&archive, "");
		for (int i = 0; i < 4; i++)
		{
			size_t position = archive.bytes.length - end_fields[i];

			archive.bytes.data[position] ^= 1;
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
						 "end of central directory differs from what was read");
			archive.bytes.data[position] ^= 1;
			if (!zip64)
				continue;
			position = archive.bytes.length - 22 - 20 - 61 + zip64_fields[i];
			archive.bytes.data[position] ^= 1;
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
						 "zip64 end of central directory differs from what was read");
			archive.bytes.data[position] ^= 1;
		}
		if (zip64)
		{
			archive.bytes.data[archive.bytes.length - 22 - 12] ^= 1;
			expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
						 "zip64 locator points to the wrong place");
		}
		clear_archive(&archive);
	}

	begin_test("zip64 sizes that are not there");
	{
		EntryOptions options = { .zip64 = true };

		add_gzip(&archive, "x.json.gz", "content", options);
		finish_archive(&archive, "");
		archive.bytes.data[archive.last_header + 30 + 9] ^= 2;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
					 "zip entry \"x.json.gz\": local header lacks its zip64 sizes");
		archive.bytes.data[archive.last_header + 30 + 9] ^= 2;
		archive.bytes.data[archive.central_start + 46 + 9] ^= 2;
		expect_error(&archive.bytes, STREAM_ERROR_CORRUPT,
					 "zip central directory lacks the zip64 sizes of entry \"x.json.gz\"");
		clear_archive(&archive);
	}

	begin_test("records out of place");
	add_gzip(&archive, "x.json.gz", "content", stored);
	finish_archive(&archive, "");
	{
		Bytes mixed = { 0 };

		/* an entry behind the central directory */
		append(&mixed, archive.bytes.data, archive.bytes.length - 22);
		append(&mixed, archive.bytes.data, archive.central_start);
		expect_error(
			&mixed, STREAM_ERROR_CORRUPT,
			"zip archive is corrupt: expected a record after 1 entries, found \"PK\\x03\\x04");
		mixed.length = archive.central_start;
		append_text(&mixed, "PK\x06\x08....");
		expect_error(&mixed, STREAM_ERROR_UNSUPPORTED, "encrypted central directory");
		mixed.length = 0;
		append(&mixed, archive.bytes.data, archive.bytes.length - 22);
		append_text(&mixed, "PK\x05\x05....");
		expect_error(&mixed, STREAM_ERROR_UNSUPPORTED, "digitally signed");
		mixed.length = archive.central_start;
		append_text(&mixed, "garbage");
		expect_error(&mixed, STREAM_ERROR_CORRUPT, "found \"garb");
		free(mixed.data);
	}
	clear_archive(&archive);
	free(text.data);
	free(gzip.data);
}

/* Two entries that look as alike as possible to what stands around them. */
static void
test_lookalikes(void)
{
	Archive archive = { 0 };

	/*
	 * A descriptor without signature whose checksum begins with 1f 8b looks
	 * like another member.
	 */
	begin_test("a bare descriptor that looks like a gzip member");
	for (int kind = 0; kind < 2; kind++)
	{
		Bytes gzip = { 0 };
		uint32_t crc = 0;
		unsigned number = 0;

		do
		{
			char content[40];

			snprintf(content, sizeof(content), "content %u", number++);
			gzip.length = 0;
			append_gzip(&gzip, content);
			crc = (uint32_t) crc32_z(0, gzip.data, gzip.length);
		} while ((crc & 0xffff) != 0x8b1f);
		add_entry(&archive, "x.json.gz", &gzip,
				  (EntryOptions){ .descriptor = kind ? DESCRIPTOR_BARE_64 : DESCRIPTOR_BARE_32 });
		add_gzip(&archive, "y.json.gz", "y",
				 (EntryOptions){ .descriptor = kind ? DESCRIPTOR_BARE_64 : DESCRIPTOR_BARE_32 });
		finish_archive(&archive, "");
		{
			char listing[100];

			snprintf(listing, sizeof(listing), "<x.json.gz|content %u><y.json.gz|y>", number - 1);
			expect_listing(&archive.bytes, listing);
		}
		clear_archive(&archive);
		free(gzip.data);
	}

	begin_test("a whole archive inside the content");
	{
		Archive inner = { 0 };
		Bytes outer = { 0 };
		Outcome outcome = { 0 };

		add_gzip(&inner, "inner.json.gz", "inner",
				 (EntryOptions){ .descriptor = DESCRIPTOR_SIGNED_32 });
		finish_archive(&inner, "");
		/* level 0 leaves it readable inside the gzip */
		append(&outer, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
		append_deflated(&outer, inner.bytes.data, inner.bytes.length, 0);
		append_number(&outer, crc32_z(0, inner.bytes.data, inner.bytes.length), 4);
		append_number(&outer, inner.bytes.length, 4);
		add_entry(&archive, "x.json.gz", &outer,
				  (EntryOptions){ .descriptor = DESCRIPTOR_SIGNED_32 });
		finish_archive(&archive, "");
		for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
		{
			run(archive.bytes.data, archive.bytes.length, feed, &outcome);
			CHECK_THAT(outcome.status == STREAM_END, "%s", outcome.message);
			CHECK_NUMBER(unzip_entries(unzip), 1);
			CHECK_NUMBER(unzip_bytes_out(unzip), inner.bytes.length);
		}
		free(outcome.listing.data);
		free(outer.data);
		clear_archive(&inner);
		clear_archive(&archive);
	}
}

static void
test_damage(void)
{
	Outcome outcome = { 0 };
	Outcome whole = { 0 };

	for (int kind = 0; kind < 4; kind++)
	{
		static const char *const names[] = { "vendor's layout", "stored with sizes", "deflated",
											 "deflated with descriptor and zip64" };
		EntryOptions options = { 0 };
		Archive archive = { 0 };
		Bytes members = { 0 };
		Bytes nothing = { 0 };
		static char titles[12][100];

		options.deflate = kind >= 2;
		options.descriptor = kind == 0   ? DESCRIPTOR_SIGNED_32
							 : kind == 3 ? DESCRIPTOR_SIGNED_64
										 : NO_DESCRIPTOR;
		options.zip64 = kind == 3;
		archive.zip64 = kind == 3;
		append_gzip(&members, "first,");
		append_gzip_with_flags(&members, "second", 6, 0x1f);
		add_entry(&archive, "m.json.gz", &members, options);
		add_gzip(&archive, "n.json.gz", "third", options);
		options.sizes_in_header = true;
		add_entry(&archive, "skip.txt", &members, options);
		add_entry(&archive, "empty.json.gz", &nothing, options);
		finish_archive(&archive, "comment");
		run(archive.bytes.data, archive.bytes.length, FEED_WHOLE, &whole);
		CHECK_NUMBER(whole.status, STREAM_END);

		snprintf(titles[3 * kind + 0], sizeof(titles[0]), "truncation at each byte: %s",
				 names[kind]);
		begin_test(titles[3 * kind + 0]);
		for (size_t length = 0; length < archive.bytes.length; length++)
			for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
			{
				run(archive.bytes.data, length, feed, &outcome);
				CHECK_THAT(outcome.status == STREAM_ERROR, "cut at %zu of %zu", length,
						   archive.bytes.length);
				CHECK_THAT(outcome.kind == STREAM_ERROR_TRUNCATED, "cut at %zu: %s", length,
						   outcome.message);
			}

		snprintf(titles[3 * kind + 1], sizeof(titles[0]), "no flipped bit yields other content: %s",
				 names[kind]);
		begin_test(titles[3 * kind + 1]);
		for (size_t i = 0; i < archive.bytes.length; i++)
			for (int bit = 0; bit < 8; bit++)
			{
				archive.bytes.data[i] ^= (unsigned char) (1 << bit);
				run(archive.bytes.data, archive.bytes.length, (Feed) (i % FEED_KINDS), &outcome);
				if (outcome.status == STREAM_END)
					CHECK_THAT(same_bytes(&outcome.listing, &whole.listing), "bit %d of byte %zu",
							   bit, i);
				archive.bytes.data[i] ^= (unsigned char) (1 << bit);
			}

		snprintf(titles[3 * kind + 2], sizeof(titles[0]),
				 "no replaced or missing bytes yield other content: %s", names[kind]);
		begin_test(titles[3 * kind + 2]);
		for (int i = 0; i < 20000; i++)
		{
			Bytes damaged = { 0 };
			size_t position = random_below((uint32_t) archive.bytes.length);
			size_t length = 1 + random_below(4);

			append_bytes(&damaged, &archive.bytes);
			if (length > damaged.length - position)
				length = damaged.length - position;
			if (i % 3 == 0)
			{
				memmove(damaged.data + position, damaged.data + position + length,
						damaged.length - position - length);
				damaged.length -= length;
			}
			else
				for (size_t j = 0; j < length; j++)
					damaged.data[position + j] = (unsigned char) random_below(256);
			run(damaged.data, damaged.length, FEED_WHOLE, &outcome);
			if (outcome.status == STREAM_END)
				CHECK(same_bytes(&outcome.listing, &whole.listing));
			free(damaged.data);
		}
		end_test();
		clear_archive(&archive);
		free(members.data);
	}
	free(outcome.listing.data);
	free(whole.listing.data);
}

int
main(void)
{
	unzip = unzip_create();
	test_entries();
	test_many_entries();
	test_errors();
	test_lookalikes();
	test_damage();
	unzip_free(unzip);
	return finish_tests();
}

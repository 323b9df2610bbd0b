/*-------------------------------------------------------------------------
 *
 * value.h
 *		One JSON value to one Datum; private to src/row.
 *
 * A Converter is chosen once per column.  Conversions of the types that
 * exports consist of do not raise errors: they return VALUE_INVALID and leave
 * a Problem in the shared ValueContext, so that on_invalid 'null' needs no
 * subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ROW_VALUE_H
#define ADSEXPORT_ROW_VALUE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/palloc.h"

#include "export/settings.h"
#include "stream/json.h"
#include "stream/records.h"

/* What a problem's remedy is, apart from NULL instead of the value. */
typedef enum ProblemKind
{
	PROBLEM_VALUE, /* the value does not fit the type */
	PROBLEM_TEXT   /* it is not text; invalid_text 'replace' would help */
} ProblemKind;

typedef struct Problem
{
	ProblemKind kind;
	int sqlstate;
	char message[512];
} Problem;

/* Memory that is used again for the next value. */
typedef struct Scratch
{
	MemoryContext context;
	char *data;
	size_t size;
} Scratch;

/* What remains allocated between records at most, for each Scratch. */
#define SCRATCH_KEPT_SIZE ((size_t) 1024 * 1024)

typedef struct JsonbBuilder JsonbBuilder;

/* What all converters of a reader share. */
typedef struct ValueContext
{
	MemoryContext memory; /* of the reader */
	JsonTextPolicy invalid_text;
	OnInvalid on_invalid;
	int encoding;             /* of the database */
	bool needs_conversion;    /* is it neither UTF8 nor SQL_ASCII? */
	Oid conversion_procedure; /* then from UTF8 to it */

	Scratch decoded;   /* text without its escapes */
	Scratch converted; /* the same in another encoding */
	Scratch elements;  /* of an array of text */
	Scratch nulls;     /* which elements of it are NULL */
	JsonbBuilder *jsonb_builder;

	/* An input function or domain check is running: its own error may come. */
	bool in_input_function;
	Problem problem;
} ValueContext;

typedef enum ValueStatus
{
	VALUE_OK,
	VALUE_NULL,
	VALUE_INVALID /* see the context's problem */
} ValueStatus;

/* Of a column of jsonb: is it of use to remember how its objects are made? */
typedef struct ShapeUse
{
	uint32 failures; /* so many values in a row were not as any before */
	uint32 skipped;  /* so many more values are not tried */
} ShapeUse;

typedef struct Converter Converter;

typedef ValueStatus (*ConvertFunction)(Converter *converter, const JsonValue *json, Datum *result);

/* Bits of Converter.accepted: one for each JsonType. */
#define JSON_TYPE_BIT(type) (1u << (type))
#define JSON_SCALARS                                                                               \
	(JSON_TYPE_BIT(JSON_FALSE) | JSON_TYPE_BIT(JSON_TRUE) | JSON_TYPE_BIT(JSON_NUMBER) |           \
	 JSON_TYPE_BIT(JSON_STRING))
#define JSON_CONTAINERS (JSON_TYPE_BIT(JSON_ARRAY) | JSON_TYPE_BIT(JSON_OBJECT))

struct Converter
{
	ConvertFunction convert;
	ValueContext *context;
	Oid type;
	int32 typmod;
	/*
	 * JSON types that are of the column's kind: among a path's alternatives
	 * one of these wins over one of the others.
	 */
	unsigned accepted;

	ShapeUse shape_use;

	/* numeric(precision, scale) */
	int precision;
	int scale;
	Datum limit; /* 10 to the number of digits before the point */

	/* types through their input function */
	FmgrInfo input_function;
	Oid type_io_parameter;
	bool takes_any_text; /* a string type: "" is a value, containers are text */

	/* arrays: of the element; domains: of the base type */
	Converter *inner;
	int16 element_length;
	bool element_by_value;
	char element_alignment;
	void *domain_information;
};

/* Allocates in the current memory context, as do conversions. */
extern void value_context_init(ValueContext *context, const Settings *settings);
extern void converter_init(Converter *converter, ValueContext *context, Oid type, int32 typmod);

/* Give back what an unusually large record needed. */
extern void value_context_trim(ValueContext *context);

/* Does NULL in the column need to be checked too? */
extern bool converter_checks_null(const Converter *converter);
extern ValueStatus converter_check_null(Converter *converter);

/*
 * At least size bytes; keeps the first used bytes of what was there.  Raises
 * an error when memory is short.
 */
extern void scratch_grow(Scratch *scratch, size_t size, size_t used);

/* Free it if it is larger than SCRATCH_KEPT_SIZE. */
extern void scratch_trim(Scratch *scratch);

static inline char *
scratch_reserve(Scratch *scratch, size_t size)
{
	if (size > scratch->size)
		scratch_grow(scratch, size, 0);
	return scratch->data;
}

/* The same, keeping the first used bytes. */
static inline char *
scratch_extend(Scratch *scratch, size_t size, size_t used)
{
	if (size > scratch->size)
		scratch_grow(scratch, size, used);
	return scratch->data;
}

/*-------------------------------------------------------------------------
 * Problems
 *-------------------------------------------------------------------------
 */

/* At most this many bytes of a value are shown. */
#define SHOWN_VALUE_LENGTH 64

/*
 * Escape and shorten bytes of unknown quality for a message, in the server's
 * encoding; output needs SHOWN_VALUE_SIZE bytes.
 */
#define SHOWN_VALUE_SIZE (SHOWN_VALUE_LENGTH * 4 + 4)
extern void show_bytes(const char *text, size_t length, char *output);

/* A message of the server's, which may show a value as it came, made printable; palloc'd. */
extern char *printable_message(const char *message);

/* All of these return VALUE_INVALID. */
extern ValueStatus problem_syntax(Converter *converter, const JsonValue *json);
extern ValueStatus problem_range(Converter *converter, const JsonValue *json);
extern ValueStatus problem_set(ValueContext *context, ProblemKind kind, int sqlstate,
							   const char *format, ...) pg_attribute_printf(4, 5);

/*
 * Call function(argument) so that an error it raises is caught: false, and
 * the error is in the context's problem.  Costs a subtransaction, which a
 * parallel operation does not allow: there the error goes its way.
 */
extern bool run_protected(ValueContext *context, void (*function)(void *argument), void *argument);

/*-------------------------------------------------------------------------
 * Text (text.c)
 *-------------------------------------------------------------------------
 */

/*
 * Is this ASCII without a NUL?  Looks at up to seven bytes behind the text,
 * which JSON_PADDING allows.
 */
static inline bool
is_plain_ascii(const char *text, size_t length)
{
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 high_bits = UINT64CONST(0x8080808080808080);
	const char *end = text + length;

	for (; end - text >= 8; text += 8)
	{
		uint64 word;

		memcpy(&word, text, sizeof(word));
		/* a high bit of its own, or one borrowed by subtracting from zero */
		if ((word | (word - ones)) & high_bits)
			return false;
	}
	for (; text < end; text++)
	{
		if (*text <= 0)
			return false;
	}
	return true;
}

/*
 * The content of a string in the server's encoding: in place if nothing needs
 * to be changed, else in the context's scratch memory until the next call.
 */
extern bool
text_from_string(ValueContext *context, const JsonValue *string, const char **text, size_t *length);

/* The same for the JSON text of any value. */
extern bool
text_from_json(ValueContext *context, const JsonValue *json, const char **text, size_t *length);

/* What a column of a text type shows: a string's content, else JSON text. */
extern bool
text_from_value(ValueContext *context, const JsonValue *json, const char **text, size_t *length);

extern ValueStatus convert_text(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_varchar(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_json(Converter *converter, const JsonValue *json, Datum *result);

/*-------------------------------------------------------------------------
 * Numbers (number.c)
 *-------------------------------------------------------------------------
 */
extern ValueStatus convert_int2(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_int4(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_int8(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_float4(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_float8(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_numeric(Converter *converter, const JsonValue *json, Datum *result);

/* The nearest double to a number with few digits, by which nothing is rounded twice; false for others. */
extern bool double_from_short_number(const char *text, size_t length, double *result);

/* Split typmod into precision and scale. */
extern void numeric_converter_init(Converter *converter);

/*
 * Write a JSON number as a numeric, varlena header included, to output, which
 * is aligned as a numeric and has NUMERIC_SHORT_SIZE bytes.  Returns its size,
 * or 0 if the number needs numeric_from_number.  Of use only where
 * numeric_format_is_known.
 */
#define NUMERIC_SHORT_SIZE 64
extern size_t numeric_write_short(const char *text, size_t length, char *output);

/* Palloc'd; false if the number has more digits than the type can hold. */
extern bool numeric_from_number(const char *text, size_t length, Datum *result);

/* Does this server store what numeric_write_short writes? */
extern bool numeric_format_is_known(void);

/*-------------------------------------------------------------------------
 * Dates and times (datetime.c)
 *-------------------------------------------------------------------------
 */
extern ValueStatus convert_timestamp(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_date(Converter *converter, const JsonValue *json, Datum *result);

/*
 * YYYY-MM-DD, alone or with a time and a zone behind it.  False for everything
 * that is not just of this form.
 */
extern bool timestamp_from_fixed_format(const char *text, size_t length, Timestamp *result);

/* 16 bytes; as uuid's input function takes them. */
extern bool uuid_from_text(const char *text, size_t length, unsigned char *uuid);

/*-------------------------------------------------------------------------
 * jsonb (jsonb_builder.c)
 *-------------------------------------------------------------------------
 */
extern JsonbBuilder *jsonb_builder_create(ValueContext *context);
extern void jsonb_builder_trim(JsonbBuilder *builder);

/*
 * A builder that never allocates, raises errors or looks at anything else of
 * the server: for one thread at a time.  Returns NULL for what is large or
 * unusual, else memory that is its own until the next call.
 */
extern JsonbBuilder *jsonb_builder_create_quick(ValueContext *context);
extern const char *jsonb_builder_build_quickly(JsonbBuilder *builder, ShapeUse *use,
											   const JsonValue *json, size_t *size);
extern ValueStatus convert_jsonb(Converter *converter, const JsonValue *json, Datum *result);

/*-------------------------------------------------------------------------
 * Conversions in plain memory (quick.c)
 *-------------------------------------------------------------------------
 */

/* For one thread at a time. */
typedef struct QuickState
{
	bool keeps_utf8;      /* the database takes UTF-8 as it is */
	bool for_tuples;      /* all varlenas have short headers where they can, as in a tuple */
	int column;           /* whose value is converted */
	ShapeUse *shape_uses; /* of each column */
	JsonbBuilder *jsonb_builder;
} QuickState;

typedef enum QuickStatus
{
	QUICK_VALUE,
	QUICK_NULL,
	QUICK_CANNOT /* the column's converter has to see it */
} QuickStatus;

/*
 * Convert a value that is present.  One that is not by value is appended to the
 * arena.  Does without anything of the server.
 */
typedef QuickStatus (*QuickFunction)(QuickState *state, const JsonValue *json, RecordArena *arena,
									 Datum *result);

extern void
quick_state_init(QuickState *state, ValueContext *context, int columns, bool for_tuples);

/* NULL: there is none for the type. */
extern QuickFunction quick_function(Oid type, int32 typmod);

#endif /* ADSEXPORT_ROW_VALUE_H */

/*-------------------------------------------------------------------------
 *
 * value.h
 *		What is needed to turn a JSON value into a Datum; private to src/row.
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

#include "option/foreign_options.h"
#include "stream/json.h"
#include "stream/record_block.h"

/* What the remedy for a problem is, apart from NULL instead of the value. */
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

/* Memory that is reused for the next value. */
typedef struct Scratch
{
	MemoryContext context;
	char *data;
	size_t size;
} Scratch;

/* The most that stays allocated between records, for each Scratch. */
#define SCRATCH_KEPT_SIZE ((size_t) 1024 * 1024)

typedef struct JsonbBuilder JsonbBuilder;

/* What all converters of a reader share. */
typedef struct ValueContext
{
	MemoryContext memory; /* of the reader */
	const ForeignOptions *options;
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

	/* An input function or domain check is running, which may raise an error. */
	bool in_input_function;
	Problem problem;
	bool only_counted; /* the next problem, not shown */
} ValueContext;

typedef enum ValueStatus
{
	VALUE_OK,
	VALUE_NULL,
	VALUE_INVALID /* see the context's problem */
} ValueStatus;

/* For a column of jsonb: is it worthwhile to remember the shapes of its objects? */
typedef struct ShapeUse
{
	uint32 failures; /* this many values in a row had no known shape */
	uint32 skipped;  /* this many more values are skipped */
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
	 * JSON types of the column's kind: among a path's alternatives, one of
	 * these is preferred over any other type.
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

#endif /* ADSEXPORT_ROW_VALUE_H */

/*-------------------------------------------------------------------------
 *
 * entity.h
 *		The remote tables as data: columns, paths, media types, filters.
 *
 * All of it is static and constant.  Column names and JSON paths follow
 * docs/vendors/amazon-ads-exports.md 3 and 4 and
 * docs/vendors/amplitude-export.md 3 and 4; what the vendor calls a thing is
 * kept.  IMPORT FOREIGN SCHEMA, adsexport_columns(), the binding of columns
 * and the documentation are generated from here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ENTITY_H
#define ADSEXPORT_ENTITY_H

#include "stream/json.h"

typedef enum ApiKind
{
	API_AMAZON_ADS,
	API_AMPLITUDE
} ApiKind;

#define API_COUNT 2

/* What one remote table is called in SQL, in the option "entity". */
typedef enum EntityKind
{
	ENTITY_CAMPAIGNS,
	ENTITY_AD_GROUPS,
	ENTITY_TARGETS,
	ENTITY_ADS,
	ENTITY_PROFILES,
	ENTITY_AMPLITUDE_EVENTS
} EntityKind;

/* Type of a column in the DDL that IMPORT FOREIGN SCHEMA writes. */
typedef enum ColumnType
{
	COLUMN_TEXT,
	COLUMN_ID, /* text, bigint or numeric by import option id_type */
	COLUMN_TEXT_ARRAY,
	COLUMN_BOOLEAN,
	COLUMN_INTEGER,
	COLUMN_BIGINT,
	COLUMN_DOUBLE,
	COLUMN_NUMERIC,
	COLUMN_DATE,
	COLUMN_TIMESTAMPTZ,
	COLUMN_UUID,
	COLUMN_JSONB
} ColumnType;

/* Where a column's value comes from. */
typedef enum ColumnSource
{
	SOURCE_PATH,         /* the first alternative of path that is present and of
								 * the column's kind */
	SOURCE_FIRST_ASIN,   /* productId of the first element of the array at path
								 * whose productIdType is ASIN */
	SOURCE_FIRST_SKU,    /* the same for SKU */
	SOURCE_TARGET_LEVEL, /* first alternative of path, else AD_GROUP if there is
								 * an adGroupId, else CAMPAIGN */
	SOURCE_PROFILE_ID,   /* the profile that was read */
	SOURCE_EXPORT_ID,
	SOURCE_EXPORTED_AT,  /* the vendor's generatedAt */
	SOURCE_ARCHIVE_ENTRY /* name of the file inside the archive */
} ColumnSource;

/* Which part of a request a clause on the column becomes, if any. */
typedef enum ColumnFilter
{
	FILTER_NONE,
	FILTER_AD_PRODUCT,
	FILTER_STATE,
	FILTER_NEGATIVE,
	FILTER_TARGET_LEVEL,
	FILTER_TARGET_TYPE,
	FILTER_PROFILE_ID,
	FILTER_UPLOAD_TIME,
	FILTER_EVENT_TIME /* by event_time_max_lag and event_time_max_lead only */
} ColumnFilter;

/* Bits of EntityColumn.ad_products and of the option ad_products; names are in closed_lists.c. */
#define AD_PRODUCT_SPONSORED_PRODUCTS 0x1
#define AD_PRODUCT_SPONSORED_BRANDS 0x2
#define AD_PRODUCT_SPONSORED_DISPLAY 0x4
#define AD_PRODUCT_ALL 0x7

typedef struct EntityColumn
{
	const char *name;
	ColumnType type;
	ColumnSource source;
	const char *path; /* alternatives joined by "|"; NULL where the source
								 * needs none */
	ColumnFilter filter;
	unsigned ad_products;    /* AD_PRODUCT_* that send it; 0 if none do */
	const char *aliases;     /* other names it is bound by, joined by "|", or NULL */
	const char *description; /* a sentence, for people */
} EntityColumn;

typedef struct Entity
{
	EntityKind kind;
	ApiKind api;
	const char *name;       /* of the table and in the option "entity" */
	const char *method;     /* POST or GET */
	const char *path;       /* of the request, after the endpoint */
	const char *media_type; /* Accept and Content-Type; NULL if none is needed */
	bool is_by_profile;     /* one request for each profile */
	bool is_by_hours;       /* requested by hours, afresh for each scan */
	bool allows_prefix;     /* a column's name may begin with a "_" or "$" that does not count */
	double estimated_rows;  /* per export, until ANALYZE or the option says better */
	const EntityColumn *columns;
	int column_count;
	const char *description;
} Entity;

extern const Entity *const entities[];
extern const int entity_count;

/* By ApiKind: as in the option "api", with NULL at the end, and as people say. */
extern const char *const api_names[API_COUNT + 1];
extern const char *const api_titles[API_COUNT];

/* NULL if there is none of that name. */
extern const Entity *entity_by_name(const char *name);

/*
 * Is that a profile id as the vendor writes them?  1 to 20 digits without
 * leading zeros: roughly the range of 64-bit unsigned integers.
 */
extern bool entity_is_profile_id(const char *text);

/* SQL name of the type in generated DDL; id_type is "text", "bigint" or "numeric". */
extern const char *column_type_name(ColumnType type, const char *id_type);

#endif /* ADSEXPORT_ENTITY_H */

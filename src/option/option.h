/*-------------------------------------------------------------------------
 *
 * option.h
 *		The table of all options, and how their values are read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_OPTION_H
#define ADSEXPORT_OPTION_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "compat.h"
#include "option/foreign_options.h"

/* Objects on which an option may be set. */
#define ON_WRAPPER 0x01
#define ON_SERVER 0x02
#define ON_TABLE 0x04
#define ON_COLUMN 0x08
#define ON_MAPPING 0x10

typedef enum OptionType
{
	OPTION_CHOICE,      /* one of the words in choices */
	OPTION_REGION,      /* one of the regions of the server's api */
	OPTION_ENTITY,      /* name of a remote table */
	OPTION_BOOLEAN,     /* as PostgreSQL reads booleans */
	OPTION_INTEGER,     /* between minimum and maximum */
	OPTION_NUMBER,      /* the same with a fraction */
	OPTION_DURATION,    /* the same in milliseconds, written with a unit */
	OPTION_HOURS,       /* the same in whole hours */
	OPTION_PROFILE_IDS, /* profiles, comma-separated */
	OPTION_AD_PRODUCTS, /* products, comma-separated */
	OPTION_URL,         /* base of a remote */
	OPTION_FILE,        /* absolute path on the server's machine */
	OPTION_PROXY,       /* host to go through; empty for none */
	OPTION_CREDENTIAL,  /* sent in a header or form; never shown */
	OPTION_JSON_PATH
} OptionType;

typedef struct Option
{
	const char *name;
	OptionType type;
	unsigned objects;  /* ON_* */
	unsigned entities; /* bit_of_entity of those that it is for */
	size_t offset;     /* of the field of ForeignOptions */
	size_t size;       /* of that field; 0 where the option has none */
	double minimum;
	double maximum;
	const char *const *choices; /* by value of the field's enum, NULL at the end */

	/* The value if it is left out, as it would be written; NULL: none, or it depends. */
	const char *fallback;
	const char *fallback_of_api[API_COUNT];

	bool superuser_only;
	bool secret;
	bool needed;         /* by each mapping for such an entity ... */
	const char *instead; /* ... unless this option is given */

	/* For docs/options.md, in Markdown: */
	const char *left_out; /* the default, if it is not a fallback */
	const char *meaning;
	const char *on_table; /* what is special on a table, if it may be set on a server, too */
} Option;

/* Where each API lives; an API's first region is its default. */
typedef struct Region
{
	ApiKind api;
	const char *name;
	const char *endpoint;
	const char *token_endpoint; /* NULL: there is none */
} Region;

#define MILLISECONDS 1.0
#define SECONDS (1000 * MILLISECONDS)
#define MINUTES (60 * SECONDS)
#define HOURS (60 * MINUTES)
#define DAYS (24 * HOURS)

extern const Option *option_by_name(const char *name);

/* The options and the regions one by one: NULL after the last. */
extern const Option *option_at(int index);
extern const Region *region_at(int index);

/* Which region is whose, for the hint of an error. */
extern const char *region_hint(ApiKind api);

/* A region of an API, the default where name is NULL; NULL: there is no such region. */
extern const Region *region_by_name(ApiKind api, const char *name);

extern unsigned bit_of_entity(const Entity *entity);

/* An api's options are those of its entities. */
extern bool option_fits_api(const Option *option, ApiKind api);

/* Name of the api that an option which is for one api only belongs to. */
extern const char *api_name_of_option(const Option *option);

/* The object, with its name as in "on a server"; of an OID of a catalog, its kind or 0. */
extern const char *object_with_article(unsigned object);
extern unsigned object_of_catalog(Oid catalog);

/* The places where an option may stand, as in "a server or a foreign table". */
extern char *places_of_option(const Option *option);

/* What a value may be, and what the default is, in Markdown; "" if there is nothing to say. */
extern char *option_value_text(const Option *option);
extern char *option_default_text(const Option *option);

/* Add to a list with commas. */
extern void append_listed(StringInfo list, const char *item);

/* Durations as a person would write them: "90min", not "5400000ms". */
extern char *format_duration(double milliseconds);

/* Report an unacceptable value; a value of NULL is not shown. */
extern void report_value(const Option *option, const char *value, const char *detail,
						 const char *hint) pg_attribute_noreturn();

/* Check an option's value and store it in its field. */
extern void option_parse(const Option *option, const char *value, ForeignOptions *options);

/* ForeignOptions with the defaults that do not depend on the API. */
extern ForeignOptions *option_defaults(void);

/* Likewise for one option whose default depends on the API. */
extern void option_default_of_api(const Option *option, ForeignOptions *options);

/* Check the region, and fill in what follows from it. */
extern void option_resolve_region(ForeignOptions *options);

/* A string option's value, or NULL; NULL for other options. */
extern const char *option_string(const Option *option, const ForeignOptions *options);

/* Do both lead to the same account, in the same way? */
extern bool option_same_account(const ForeignOptions *a, const ForeignOptions *b);

#endif /* ADSEXPORT_OPTION_H */

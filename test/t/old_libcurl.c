/*-------------------------------------------------------------------------
 *
 * old_libcurl.c
 *		To be preloaded: a libcurl that knows no CURLOPT_QUICK_EXIT, as before
 *		7.87.
 *
 *-------------------------------------------------------------------------
 */
#define CURL_DISABLE_TYPECHECK

#include <dlfcn.h>
#include <stdarg.h>

#include <curl/curl.h>

#define QUICK_EXIT 322

#undef curl_easy_setopt

CURLcode
curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	static CURLcode (*real)(CURL *, CURLoption, ...);
	void *value; /* whatever it is: all are of this size */
	va_list arguments;

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "curl_easy_setopt");
	if ((int) option == QUICK_EXIT)
		return CURLE_UNKNOWN_OPTION;
	va_start(arguments, option);
	value = va_arg(arguments, void *);
	va_end(arguments);
	return real(easy, option, value);
}

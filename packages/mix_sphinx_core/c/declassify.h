/*
 * Marks what an attacker may learn of what is computed from secrets: results, and whether a packet is authentic. For the
 * run under valgrind that treats secrets as undefined memory and reports branches and indices that depend on it; else
 * nothing.
 */
#ifndef DECLASSIFY_H
#define DECLASSIFY_H

#ifdef CHECK_CONSTANT_TIME
#include <valgrind/memcheck.h>
#define DECLASSIFY(memory, length) ((void) VALGRIND_MAKE_MEM_DEFINED((memory), (length)))
#else
#define DECLASSIFY(memory, length) ((void) 0)
#endif

#endif

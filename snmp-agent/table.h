/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One generic table of a MIB: a `struct table` says how to find rows in order and which columns there are;
 * GET, GETNEXT and SET follow from that. The first half works on object identifiers alone, the second
 * registers tables with Net-SNMP's agent. Why not one of Net-SNMP's own helpers: table_iterator and
 * table_data_set cost a pass over all rows for each varbind, tdata several kilo-octets a row.
 */
#ifndef SNMP_AGENT_TABLE_H
#define SNMP_AGENT_TABLE_H

#include "base/octets.h"
#include "snmp-agent/mirror.h"
#include "snmp-agent/netsnmp.h"

enum { TABLE_INDEX_MAX = 4, TABLE_ROOT_MAX = 12, TABLE_NAME_MAX = TABLE_ROOT_MAX + 2 + TABLE_INDEX_MAX };

/* What a request sees: the mirror and the time (milliseconds of the monotonic clock). */
struct table_view {
    struct mirror *mirror;
    uint64_t now_ms;
};

/* A row that was found: its index, the object that it shows, and for address tables which of its items. */
struct table_row {
    uint32_t index[TABLE_INDEX_MAX];
    const void *object;
    uint32_t item; /* from 0 */
};

/* A value on its way out: octets for OCTET STRING, else the number. scratch holds what is not stored
 * anywhere. */
struct table_cell {
    uint32_t number;
    struct octets octets;
    uint8_t scratch[16];
};

/*
 * What a writable column does. check: SNMP_ERR_ code for a value that it can never take. prepare: gets what
 * it needs and remembers the old value. apply changes, undo brings the old value back, release ends it in any
 * case. A step that fails returns an SNMP_ERR_ code.
 */
struct table_setter {
    int (*check)(void *context, struct octets value);
    int (*prepare)(void *context);
    int (*apply)(void *context, struct octets value);
    int (*undo)(void *context);
    void (*release)(void *context);
};

struct table_column {
    uint8_t number;
    uint8_t type; /* ASN_UNSIGNED, ASN_TIMETICKS, ASN_INTEGER, ASN_OCTET_STR */
    void (*get)(const struct table_view *v, const struct table_row *row, struct table_cell *out);
    bool (*present)(const struct table_row *row); /* NULL: in every row; false: a hole */
    const struct table_setter *setter;            /* NULL: read-only */
};

struct table {
    const char *name;
    oid root[TABLE_ROOT_MAX]; /* of the table; its entry is root.1 */
    uint8_t root_length;
    uint8_t indexes; /* sub-identifiers of a row's index, each 1 .. 4294967295 */
    uint8_t columns_count;
    const struct table_column *columns; /* ascending by number */
    /* The first row whose index is at or after the one given; false when there is none. */
    bool (*row_from)(const struct mirror *m, const uint32_t *index, struct table_row *out);
};

enum table_result { TABLE_FOUND, TABLE_NO_OBJECT, TABLE_NO_INSTANCE };

/* The value of exactly this name. On TABLE_FOUND *column and *cell are filled; cell may be NULL. */
enum table_result table_get(const struct table *t, const struct table_view *v, const oid *name, size_t length,
                            const struct table_column **column, struct table_row *row,
                            struct table_cell *cell);
/* The first value after a name, which may be any (shorter, longer, outside the table): TABLE_FOUND fills next
 * (room for TABLE_NAME_MAX) and its length; else the table has nothing after it. */
enum table_result table_get_next(const struct table *t, const struct table_view *v, const oid *name,
                                 size_t length, oid *next, size_t *next_length,
                                 const struct table_column **column, struct table_cell *cell);

/* --- Net-SNMP
 * ------------------------------------------------------------------------------------------------------ */

/* What a registered table needs as long as the agent lives; owned by the caller. */
struct table_binding {
    const struct table *table;
    struct mirror *mirror;
    uint64_t (*clock)(void);
    void *setter_context;
};

/* Net-SNMP's handler of a table; its myvoid is the struct table_binding. In the header for its tests. */
int table_handler(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                  netsnmp_agent_request_info *info, netsnmp_request_info *requests);

/* Registers the table; 0 or ERR_MEMORY / ERR_WRONG_STATE. */
int table_register(struct table_binding *binding);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* GET and GETNEXT over ordered rows, on object identifiers alone. */
#include "snmp-agent/table.h"

static bool index_equal(const struct table *t, const uint32_t *a, const uint32_t *b)
{
    return memcmp(a, b, t->indexes * sizeof a[0]) == 0;
}

static const struct table_column *column_find(const struct table *t, oid number)
{
    for (unsigned i = 0; i < t->columns_count; i++)
        if (t->columns[i].number == number)
            return &t->columns[i];
    return NULL;
}

enum table_result table_get(const struct table *t, const struct table_view *v, const oid *name, size_t length,
                            const struct table_column **column, struct table_row *row,
                            struct table_cell *cell)
{
    size_t start = t->root_length + 2u;
    uint32_t index[TABLE_INDEX_MAX];

    if (length < start || snmp_oid_compare(name, t->root_length, t->root, t->root_length) != 0 ||
        name[t->root_length] != 1 || !(*column = column_find(t, name[t->root_length + 1])))
        return TABLE_NO_OBJECT;
    if (length != start + t->indexes)
        return TABLE_NO_INSTANCE;
    for (unsigned i = 0; i < t->indexes; i++) {
        if (name[start + i] > UINT32_MAX)
            return TABLE_NO_INSTANCE;
        index[i] = (uint32_t)name[start + i];
    }
    if (!t->row_from(v->mirror, index, row) || !index_equal(t, index, row->index) ||
        ((*column)->present && !(*column)->present(row)))
        return TABLE_NO_INSTANCE;
    if (cell)
        (*column)->get(v, row, cell);
    return TABLE_FOUND;
}

/* The index that follows in order; false after the last of all. */
static bool index_increment(const struct table *t, uint32_t *index)
{
    for (unsigned i = t->indexes; i-- > 0;)
        if (++index[i] != 0)
            return true;
    return false;
}

/* Where to go on: the first column to look at, and the first index that may be in it. */
struct start {
    unsigned column;
    uint32_t index[TABLE_INDEX_MAX];
};

/* The index part of a name as the first index that is after the name. A short one stands for the lowest of
 * its kind; false when no index can follow. */
static bool start_index(const struct table *t, const oid *part, size_t length, uint32_t *index)
{
    unsigned i = 0;

    memset(index, 0, TABLE_INDEX_MAX * sizeof index[0]);
    for (; i < t->indexes && i < length; i++) {
        if (part[i] > UINT32_MAX) {
            for (; i < t->indexes; i++)
                index[i] = UINT32_MAX;
            return index_increment(t, index);
        }
        index[i] = (uint32_t)part[i];
    }
    return length < t->indexes || index_increment(t, index);
}

static bool start_of(const struct table *t, const oid *name, size_t length, struct start *out)
{
    oid entry[TABLE_ROOT_MAX + 1];
    size_t entry_length = t->root_length + 1u;

    memcpy(entry, t->root, t->root_length * sizeof entry[0]);
    entry[t->root_length] = 1;
    *out = (struct start){0};
    int order = snmp_oid_compare(name, length < entry_length ? length : entry_length, entry, entry_length);
    if (order > 0)
        return false;
    if (order < 0 || length == entry_length)
        return true;
    while (out->column < t->columns_count && t->columns[out->column].number < name[entry_length])
        out->column++;
    if (out->column == t->columns_count || t->columns[out->column].number > name[entry_length])
        return out->column < t->columns_count;
    if (!start_index(t, name + entry_length + 1, length - entry_length - 1, out->index)) {
        out->column++;
        memset(out->index, 0, sizeof out->index);
    }
    return true;
}

/* The first row at or after an index that has the column. */
static bool row_with(const struct table *t, const struct table_view *v, const struct table_column *c,
                     uint32_t *index, struct table_row *row)
{
    while (t->row_from(v->mirror, index, row)) {
        if (!c->present || c->present(row))
            return true;
        memcpy(index, row->index, sizeof row->index);
        if (!index_increment(t, index))
            return false;
    }
    return false;
}

enum table_result table_get_next(const struct table *t, const struct table_view *v, const oid *name,
                                 size_t length, oid *next, size_t *next_length,
                                 const struct table_column **column, struct table_cell *cell)
{
    struct start s;
    struct table_row row;

    if (!start_of(t, name, length, &s))
        return TABLE_NO_OBJECT;
    for (; s.column < t->columns_count; s.column++, memset(s.index, 0, sizeof s.index)) {
        *column = &t->columns[s.column];
        if (!row_with(t, v, *column, s.index, &row))
            continue;
        memcpy(next, t->root, t->root_length * sizeof next[0]);
        next[t->root_length] = 1;
        next[t->root_length + 1] = (*column)->number;
        for (unsigned i = 0; i < t->indexes; i++)
            next[t->root_length + 2 + i] = row.index[i];
        *next_length = t->root_length + 2u + t->indexes;
        (*column)->get(v, &row, cell);
        return TABLE_FOUND;
    }
    return TABLE_NO_OBJECT;
}
